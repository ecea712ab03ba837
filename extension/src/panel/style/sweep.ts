/** A sweep's own view. */
export const SWEEP = `
.nxp-SweepBody { grid-template: "plot mosaic" minmax(220px, 46%) "jobs jobs" minmax(0, 1fr) / minmax(0, 1fr) minmax(150px, 30%); }
@container (min-width: 1180px) {
  .nxp-mod-tab .nxp-SweepBody { grid-template: "plot jobs" minmax(260px, 3fr) "mosaic jobs" minmax(160px, 2fr) / minmax(0, 1fr) minmax(0, 1fr); }
  .nxp-mod-tab .nxp-Mosaic { border-left: 0; border-top: 1px solid var(--nxp-line); }
}
.nxp-Plot { grid-area: plot; }
.nxp-Mosaic { grid-area: mosaic; border-left: 1px solid var(--nxp-line); }
.nxp-Plot-sight { position: relative; flex: 1 1 auto; min-height: 0; margin: 4px 8px 2px 12px; }
.nxp-Plot-sight .nxp-Empty { position: absolute; inset: 30% 0 auto; pointer-events: none; }
.nxp-Plot-sight canvas { cursor: crosshair; }
.nxp-Plot-legend { flex: none; flex-wrap: wrap; gap: 2px 14px; padding: 0 14px 6px 70px; font-size: 12px; }
.nxp-Pick { display: inline-flex; align-items: center; gap: 5px; min-width: 0; font-size: 12px; color: var(--nxp-soft); }
.nxp-Pick .nxp-Select { color: var(--nxp-ink); width: auto; max-width: 130px; }
`;
