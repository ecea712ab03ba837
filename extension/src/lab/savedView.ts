/**
 * A saved notebook that is opened without its kernel shows an error where a live display was, though
 * a good static picture is saved beside it. Here the picture is shown until the display is there.
 */

import type { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Panel, type Widget } from "@lumino/widgets";

import { isOurs } from "./ours";

const LIVE = "application/vnd.jupyter.widget-view+json";
const PICTURE = "text/html";
/** As the widgets' own renderer. */
const RANK = -10;

/** Show pictures of ours until their displays are there. Everything else is left as it is. */
export function preferSaved(rendermime: IRenderMimeRegistry): void {
  const original = rendermime.getFactory(LIVE);
  if (original === undefined) return; // no widgets here: the picture is shown anyway
  rendermime.addFactory(
    {
      ...original,
      createRenderer: (options) =>
        new SavedView(original.createRenderer(options), () => rendermime.createRenderer(PICTURE)),
    },
    RANK,
  );
}

class SavedView extends Panel implements IRenderMime.IRenderer {
  private readonly stage = new Panel();
  private picture: IRenderMime.IRenderer | null = null;
  private readonly observer: MutationObserver;

  constructor(
    private readonly live: IRenderMime.IRenderer,
    private readonly createPicture: () => IRenderMime.IRenderer,
  ) {
    super();
    this.stage.addWidget(live);
    this.addWidget(this.stage);
    this.observer = new MutationObserver(() => this.choose());
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    if (isOurs(model.data[PICTURE]) && this.picture === null) {
      this.picture = this.createPicture();
      this.addWidget(this.picture);
      // The live display is the only element that its renderer ever holds; errors are bare text.
      this.observer.observe(this.live.node, { childList: true });
      this.choose();
    }
    await Promise.all([this.live.renderModel(model), this.picture?.renderModel(model)]);
  }

  override dispose(): void {
    this.observer.disconnect();
    super.dispose();
  }

  private choose(): void {
    const isLive = this.live.node.childElementCount > 0;
    this.stage.setHidden(!isLive);
    (this.picture as Widget | null)?.setHidden(isLive);
  }
}
