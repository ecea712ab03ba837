/** The head, the nodes, the pace and the timeline, and how they share the panel. */
export const FLEET = `
.nxp-Head { flex: none; display: flex; flex-direction: column; gap: 7px; padding: 9px 14px 10px; }
.nxp-Head-line { display: flex; align-items: center; gap: 4px 12px; min-width: 0; }
.nxp-Panel .nxp-Head h2 { font-size: 15px; line-height: 22px; font-weight: 650; flex: 0 1 auto; min-width: 40px;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nxp-Head-place { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--nxp-soft); font-size: 12px; }
.nxp-LinkWords { display: inline-flex; align-items: center; gap: 6px; flex: none; padding: 1px 8px; border-radius: 9px;
  background: var(--nxp-well); font-size: 11px; line-height: 16px; color: var(--nxp-soft); }
.nxp-LinkWords i { width: 6px; height: 6px; border-radius: 50%; background: #a3abb5; }
.nxp-LinkWords.nxp-mod-live i { background: #10a37c; animation: nxp-breathe 2.4s ease-in-out infinite; }
.nxp-LinkWords.nxp-mod-waiting i { background: #c9b02f; }
@keyframes nxp-breathe { 50% { opacity: .35; } }
.nxp-Head-figures { align-items: stretch; justify-content: space-between; gap: 4px 18px; flex-wrap: wrap; }
.nxp-Figure, .nxp-Chip { flex: none; display: flex; flex-direction: column; align-items: flex-start; justify-content: flex-end; white-space: nowrap; }
.nxp-Figures { display: flex; gap: 16px; }
.nxp-Figure { min-width: 62px; padding: 3px 0; }
.nxp-Figure b, .nxp-Chip b { font-size: 17px; line-height: 21px; font-weight: 600; }
.nxp-Figure small { font-size: 12px; line-height: 1; font-weight: 400; color: var(--nxp-soft); }
.nxp-Figure span, .nxp-Chip span { display: inline-flex; align-items: center; gap: 5px; font-size: 11px; line-height: 14px; color: var(--nxp-soft); }
.nxp-Chips { display: flex; gap: 1px; margin-right: -8px; }
.nxp-Panel .nxp-Chip { padding: 2px 7px; border: 1px solid transparent; border-radius: 6px; background: transparent; cursor: pointer; text-align: left; }
@container (max-width: 900px) { .nxp-Figure b, .nxp-Chip b { font-size: 15px; line-height: 19px; } }
.nxp-Chip:hover { background: var(--nxp-well); }
.nxp-Panel .nxp-Chip[aria-pressed="true"] { background: var(--nxp-well); border-color: var(--nxp-soft); }
.nxp-Invite { position: relative; flex: none; }
.nxp-Invite-card { position: absolute; z-index: 40; right: 0; top: 30px; width: min(560px, 86cqw); padding: 12px 14px;
  display: flex; flex-direction: column; gap: 9px; border: 1px solid var(--nxp-edge); border-radius: 8px; background: var(--nxp-bg);
  box-shadow: 0 6px 24px rgba(0, 0, 0, .22); }
.nxp-Invite-card code { display: block; padding: 8px 10px; border-radius: 5px; background: var(--nxp-well); overflow-wrap: anywhere;
  font: 12px/17px var(--nxp-mono); color: inherit; user-select: all; }

.nxp-Body { position: relative; flex: 1 1 auto; min-height: 0; display: grid; border-top: 1px solid var(--nxp-line);
  grid-template: "fleet pace" 154px "time time" 138px "jobs jobs" minmax(0, 1fr) / minmax(0, 9fr) minmax(0, 7fr); }
.nxp-Fleet { grid-area: fleet; border-right: 1px solid var(--nxp-line); }
.nxp-Pace { grid-area: pace; }
.nxp-Timeline { grid-area: time; border-top: 1px solid var(--nxp-line); }
.nxp-Jobs { grid-area: jobs; border-top: 1px solid var(--nxp-line); }
@container (min-width: 1180px) {
  .nxp-mod-tab .nxp-Body { grid-template: "fleet jobs" minmax(150px, 1fr) "pace jobs" minmax(150px, 1fr) "time jobs" minmax(180px, 1.3fr)
    / minmax(0, 5fr) minmax(0, 7fr); }
  .nxp-mod-tab .nxp-Fleet { border-right: 0; }
  .nxp-mod-tab .nxp-Pace { border-top: 1px solid var(--nxp-line); }
  .nxp-mod-tab .nxp-Jobs { border-top: 0; border-left: 1px solid var(--nxp-line); }
}
.nxp-Section { position: relative; display: flex; flex-direction: column; min-width: 0; min-height: 0; }
.nxp-Section-head { flex: none; display: flex; align-items: center; justify-content: space-between; gap: 12px; height: 30px;
  padding: 2px 14px 0; }
.nxp-Panel .nxp-Section-head h3 { flex: none; font-size: 12px; font-weight: 650; }
.nxp-Section-head > .nxp-soft { font-size: 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nxp-Legend { display: inline-flex; gap: 12px; }
.nxp-Legend > span { display: inline-flex; align-items: center; gap: 5px; }

.nxp-Tiles { flex: 1 1 auto; min-height: 0; overflow-y: auto; display: grid; gap: 5px; padding: 0 14px 8px; align-content: start;
  grid-template-columns: repeat(auto-fill, minmax(98px, 1fr)); }
.nxp-Tile { position: relative; width: 100%; height: 36px; padding: 2px 7px 3px; display: flex; flex-direction: column; justify-content: space-between;
  border: 1px solid var(--nxp-line); border-radius: 6px; background: transparent; cursor: pointer; text-align: left; }
.nxp-Tile:hover { background: var(--nxp-well); }
.nxp-Tile[aria-pressed="true"] { border-color: var(--nxp-ink); }
.nxp-Tile.nxp-mod-lost, .nxp-Tile.nxp-mod-suspect { border-style: dashed; border-color: var(--nxp-edge); }
.nxp-Tile-name { display: flex; align-items: center; gap: 6px; min-width: 0; font-size: 12px; line-height: 16px; }
.nxp-Tile-name > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nxp-Tile-foot { display: flex; align-items: center; justify-content: space-between; gap: 6px; font-size: 11px; line-height: 14px;
  color: var(--nxp-soft); white-space: nowrap; }
.nxp-Tile-foot em { font-style: normal; }
.nxp-Tile-foot .nxp-mod-bad { color: var(--nxp-bad); font-weight: 600; }
.nxp-Tile .nxp-Gauge { flex: 0 1 64px; }
.nxp-Pips { flex: 1 1 auto; display: flex; gap: 2px; min-width: 0; overflow: hidden; }
.nxp-Pips i { flex: 0 1 6px; min-width: 3px; height: 10px; border-radius: 1.5px; box-shadow: inset 0 0 0 1px var(--nxp-edge); }
.nxp-Pips i.nxp-mod-busy { background: var(--c); box-shadow: none; }
.nxp-HeatMap, .nxp-Pace-sight { position: relative; flex: 1 1 auto; min-height: 0; margin: 2px 14px 10px; }
.nxp-Panel canvas { display: block; }
.nxp-Pace-sight { margin-bottom: 4px; }
.nxp-HeatMap canvas { cursor: pointer; }
.nxp-Pace canvas { cursor: crosshair; }

.nxp-Timeline-scroll { position: relative; flex: 1 1 auto; min-height: 0; margin: 2px 0 4px 14px; padding-right: 14px; overflow: hidden auto; }
.nxp-Timeline-sight { position: sticky; top: 0; height: 100%; }
.nxp-Timeline canvas { cursor: grab; touch-action: pan-y; }
.nxp-Timeline canvas:active { cursor: grabbing; }
.nxp-Timeline > .nxp-Empty { position: absolute; inset: 44px 0 auto; pointer-events: none; }
@container (max-width: 620px) { .nxp-mod-roomy { display: none; } }
`;
