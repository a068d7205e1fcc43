# What is installed, where. Daemons go to sbin: nobody starts them by hand but to --check.
install(TARGETS ergsync-listener ergsync-reconciler ergsync-state DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS ergsyncctl ergsync-graphsim DESTINATION ${CMAKE_INSTALL_BINDIR})
add_subdirectory(${PROJECT_SOURCE_DIR}/systemd)
add_subdirectory(${PROJECT_SOURCE_DIR}/man)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/api/openapi.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/monitoring/alerts.yml ${PROJECT_SOURCE_DIR}/monitoring/dashboard.json
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/monitoring)
