import { LabIcon } from "@jupyterlab/ui-components";

import svg from "../../style/fleet.svg";

/** Nodes around their coordinator. */
export const fleetIcon = new LabIcon({ name: "nexapod:fleet", svgstr: svg });
