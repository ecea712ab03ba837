import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";

import { preferSaved } from "../savedView";

export const savedViews: JupyterFrontEndPlugin<void> = {
  id: "nexapod:saved-views",
  description: "Shows the picture saved beside a live display where its kernel is gone.",
  autoStart: true,
  optional: [INotebookTracker],
  activate: (_app: JupyterFrontEnd, tracker: INotebookTracker | null): void => {
    tracker?.widgetAdded.connect((_sender, panel) => {
      // After everybody who listens to this signal: the widgets' own renderer is there then.
      void Promise.resolve().then(() => preferSaved(panel.content.rendermime));
    });
  },
};
