# Holds the arrows between folders: cmake -DSOURCE=repository -P arrows.cmake
# Each folder may include only itself and what stands behind it here; a foreign library belongs to the folder named.
cmake_minimum_required(VERSION 3.25)

set(arrows
  "base:"
  "model:base"
  "net:base model"
  "state:base model"
  "graph:base model net"
  "app:base model net"
  "reconciler:base model net state graph app"
  "listener:base model state"
  "ctl:base model net"
  "sim:base model net")
set(foreign
  "curl/curl\\.h:net"
  "event2/http[a-z_]*\\.h:net"
  "lmdb\\.h:state"
  "ini\\.h:base"
  "systemd/[a-z-]+\\.h:base"
  "openssl/ssl\\.h:net listener")

set(folders base model net state graph app reconciler listener ctl sim)
set(bad 0)
foreach(row ${arrows})
  string(REGEX REPLACE "^([a-z]+):(.*)$" "\\1;\\2" parts "${row}")
  list(GET parts 0 folder)
  list(LENGTH parts n)
  set(allowed "${folder}")
  if(n GREATER 1)
    list(GET parts 1 behind)
    string(REPLACE " " ";" behind "${behind}")
    list(APPEND allowed ${behind})
  endif()
  file(GLOB_RECURSE files ${SOURCE}/${folder}/*.c ${SOURCE}/${folder}/*.h)
  foreach(file ${files})
    file(STRINGS ${file} includes REGEX "^[ \t]*#[ \t]*include")
    foreach(line ${includes})
      foreach(target ${folders})
        if(line MATCHES "\"${target}/" AND NOT target IN_LIST allowed)
          message(SEND_ERROR "${file}: ${folder}/ must not include ${target}/: ${line}")
          set(bad 1)
        endif()
      endforeach()
      if(line MATCHES "\"[a-z_]+\\.h\"")
        message(SEND_ERROR "${file}: include by full path from the root: ${line}")
      endif()
      foreach(rule ${foreign})
        string(REGEX REPLACE "^(.*):([a-z ]+)$" "\\1" pattern "${rule}")
        string(REGEX REPLACE "^(.*):([a-z ]+)$" "\\2" owners "${rule}")
        string(REPLACE " " ";" owners "${owners}")
        if(line MATCHES "<${pattern}>" AND NOT folder IN_LIST owners)
          message(SEND_ERROR "${file}: only ${owners} may include this library: ${line}")
        endif()
      endforeach()
    endforeach()
  endforeach()
endforeach()
