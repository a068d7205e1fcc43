// Whether a figure that goes up and down also goes somewhere: Theil and Sen's slope, which a few outliers do not move.

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN;
};

/** points: [{ x, y }]; the median of the slopes of all pairs, y for one x. */
export function slope(points) {
  const slopes = [];
  for (let i = 0; i < points.length; i++) {
    for (let k = i + 1; k < points.length; k++) if (points[k].x !== points[i].x) slopes.push((points[k].y - points[i].y) / (points[k].x - points[i].x));
  }
  return median(slopes);
}

/** Of samples in order of time: where it began and ended (medians of the first and last fifth), extremes, slope. */
export function trend(points) {
  const fifth = Math.max(1, Math.floor(points.length / 5));
  const values = points.map((p) => p.y);
  return { first: median(values.slice(0, fifth)), last: median(values.slice(-fifth)), least: Math.min(...values), most: Math.max(...values), slope: slope(points) };
}
