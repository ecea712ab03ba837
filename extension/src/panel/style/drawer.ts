/** What lies over the right of the panel when a job or a node is open. */
export const DRAWER = `
.nxp-Drawer { position: absolute; z-index: 20; right: 0; top: 0; bottom: 0; width: min(520px, 62%); display: flex; flex-direction: column;
  border-left: 1px solid var(--nxp-edge); background: var(--nxp-bg); box-shadow: -8px 0 24px rgba(0, 0, 0, .12); }
@container (max-width: 720px) { .nxp-Drawer { width: 100%; } }
.nxp-Panel .nxp-Drawer:focus-visible { outline: none; }
.nxp-Drawer-head { flex: none; display: flex; align-items: center; justify-content: space-between; gap: 10px; height: 42px; padding: 0 10px 0 16px;
  border-bottom: 1px solid var(--nxp-line); }
.nxp-Panel .nxp-Drawer-head h3 { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 14px; font-weight: 650; }
.nxp-Drawer-head .nxp-Row { flex: none; }
.nxp-Drawer-body { flex: 1 1 auto; min-height: 0; overflow-y: auto; padding: 10px 16px 16px; display: flex; flex-direction: column; gap: 14px; }
.nxp-Panel .nxp-Drawer-body:focus-visible { outline-offset: -3px; }
.nxp-Panel .nxp-Facts { display: grid; margin: 0; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 1px 18px; }
.nxp-Panel .nxp-Facts > div { display: flex; gap: 8px; min-width: 0; }
.nxp-Panel .nxp-Facts dt { margin: 0; padding: 0; font-weight: 400; flex: 0 0 auto; min-width: 96px; max-width: 60%; color: var(--nxp-soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nxp-Panel .nxp-Facts dd { margin: 0; padding: 0; flex: 1 1 auto; min-width: 0; overflow-wrap: anywhere; }
.nxp-Part { display: flex; flex-direction: column; gap: 5px; }
.nxp-Panel .nxp-Part h4 { font-size: 12px; font-weight: 650; }
.nxp-Panel .nxp-Text { max-height: 220px; overflow: auto; padding: 8px 10px; border-radius: 5px; background: var(--nxp-well);
  font: 12px/17px var(--nxp-mono); white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
.nxp-Panel .nxp-Log { height: 190px; max-height: none; }
.nxp-Why { display: flex; flex-direction: column; gap: 3px; list-style: none; }
.nxp-Why li { padding: 5px 10px; border-left: 3px solid #c9b02f; border-radius: 4px; background: var(--nxp-well); }
.nxp-Running { display: flex; flex-direction: column; gap: 2px; list-style: none; }
.nxp-Running li { display: grid; grid-template-columns: minmax(0, 1fr) 64px 60px; align-items: center; gap: 10px; }
.nxp-Running .nxp-soft { text-align: right; }
.nxp-Panel .nxp-List { width: 100%; margin: 0; border: 0; border-collapse: collapse; font: inherit; font-size: 12px; color: inherit; table-layout: auto; }
.nxp-Panel .nxp-List tr { background: none; }
.nxp-Panel .nxp-List th, .nxp-Panel .nxp-List td { padding: 3px 10px 3px 0; border: 0; border-bottom: 1px solid var(--nxp-line);
  text-align: left; font-weight: 400; white-space: nowrap; background: none; }
.nxp-Panel .nxp-List th { color: var(--nxp-soft); }
.nxp-Panel .nxp-List .nxp-mod-end { text-align: right; padding-right: 0; padding-left: 10px; }
.nxp-Progress.nxp-mod-large .nxp-Gauge { width: 160px; height: 8px; }
`;
