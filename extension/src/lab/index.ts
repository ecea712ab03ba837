import { actions } from "./plugins/actions";
import { coordinators } from "./plugins/coordinators";
import { fleetTab } from "./plugins/fleetTab";
import { notifications } from "./plugins/notifications";
import { savedViews } from "./plugins/savedViews";
import { sidebar } from "./plugins/sidebar";
import { status } from "./plugins/status";

/** Each can be disabled on its own: `jupyter labextension disable nexapod:sidebar`. */
export default [coordinators, actions, fleetTab, sidebar, status, notifications, savedViews];
