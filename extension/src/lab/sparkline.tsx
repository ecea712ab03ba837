/** Jobs that ended, bucket by bucket, as a small area. */

const WIDTH = 60;
const HEIGHT = 18;

/** The outline of the area, from the lower left corner to the lower right one. */
export function outline(values: readonly number[], width = WIDTH, height = HEIGHT): string {
  const most = Math.max(...values, 1);
  const step = width / Math.max(values.length - 1, 1);
  const points = values.map((value, at) => {
    const y = height - 1 - (value / most) * (height - 2);
    return `${(at * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return [`0,${height}`, ...points, `${width},${height}`].join(" ");
}

export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  if (values.every((value) => value === 0)) return <span class="nxp-Sparkline" />;
  return (
    <svg
      class="nxp-Sparkline"
      role="img"
      aria-label={label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
    >
      <title>{label}</title>
      <polygon points={outline(values)} />
    </svg>
  );
}
