/** The tables that scroll inside, and what stands around that of the jobs. */
export const TABLE = `
.nxp-Jobs .nxp-Section-head { height: 34px; }
.nxp-JobFilters { flex: 1 1 auto; justify-content: flex-end; }
.nxp-JobFilters > .nxp-soft { flex: none; min-width: 92px; text-align: right; font-size: 12px; margin-right: auto; text-align: left; }
.nxp-Table { position: relative; flex: 1 1 auto; min-height: 0; overflow: auto; overflow-anchor: none; contain: strict;
  border-top: 1px solid var(--nxp-line); scrollbar-gutter: stable; }
.nxp-Panel .nxp-Table:focus-visible { outline-offset: -2px; }
.nxp-Table-head { position: sticky; top: 0; z-index: 2; min-width: min-content; background: var(--nxp-bg); }
.nxp-Table-titles, .nxp-Table-row { display: grid; grid-template-columns: var(--nxp-tracks); align-items: center; min-width: 100%;
  height: 26px; padding: 0 6px 0 8px; }
.nxp-Table-titles { border-bottom: 1px solid var(--nxp-line); }
.nxp-Table-all { position: relative; min-width: min-content; }
.nxp-Table-row { position: absolute; left: 0; top: 0; width: 100%; cursor: pointer; contain: layout style; }
.nxp-Table-row > span, .nxp-Table-titles > span { min-width: 0; padding: 0 6px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nxp-Table .nxp-mod-end { text-align: right; }
.nxp-Table-row.nxp-mod-odd { background: color-mix(in srgb, var(--nxp-ink) 2.5%, transparent); }
.nxp-Table-row:hover { background: var(--nxp-well); }
.nxp-Table-row.nxp-mod-picked { background: color-mix(in srgb, var(--nxp-focus) 14%, transparent); }
.nxp-Table-row.nxp-mod-opened { box-shadow: inset 3px 0 0 var(--nxp-ink); }
.nxp-Table:focus-visible .nxp-Table-row.nxp-mod-current { outline: 2px solid var(--nxp-focus); outline-offset: -2px; }
.nxp-Table-titles button { max-width: 100%; padding: 0; border: 0; background: none; cursor: pointer; font-size: 12px;
  color: var(--nxp-soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: top; }
.nxp-Table-titles button:hover { color: var(--nxp-ink); }
.nxp-Table-titles button i { display: inline-block; width: 0; height: 0; margin-left: 5px; vertical-align: 2px;
  border: 3.5px solid transparent; border-bottom-width: 0; border-top-width: 4px; }
.nxp-Table-titles i.nxp-mod-down { border-top-color: currentColor; }
.nxp-Table-titles i.nxp-mod-up { border-top-color: currentColor; transform: rotate(180deg); }
.nxp-Table-check { padding: 0 !important; text-align: center; }
.nxp-Table-check input { width: 14px; height: 14px; vertical-align: -2px; accent-color: var(--nxp-focus); cursor: pointer; }
.nxp-Table .nxp-mod-wide { padding: 0; visibility: hidden; }
.nxp-Jobs { container-type: inline-size; }
@container (min-width: 860px) {
  .nxp-Table { --nxp-wide: 94px; }
  .nxp-Table .nxp-mod-wide { padding: 0 6px; visibility: visible; }
}
.nxp-Progress { display: flex; align-items: center; gap: 8px; min-width: 0; }
.nxp-Progress > span:last-child { overflow: hidden; text-overflow: ellipsis; }
.nxp-Bulk { flex: none; display: flex; align-items: center; gap: 8px; height: 34px; padding: 0 14px; border-top: 1px solid var(--nxp-line); font-size: 12px; }
`;
