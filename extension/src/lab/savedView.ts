/**
 * A saved notebook that is opened without its kernel shows an error where a live display was, though
 * a good static picture is saved beside it. Here the picture is shown until the display is there.
 */

import type { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { MessageLoop } from "@lumino/messaging";
import { Panel } from "@lumino/widgets";

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
        withPicture(original.createRenderer(options), () => rendermime.createRenderer(PICTURE)),
    },
    RANK,
  );
}

/**
 * The renderer of a live display, which puts the picture beside itself while it has nothing to show.
 *
 * It stays what it was, and is not wrapped: the widgets look for renderers of their own among a
 * cell's outputs when a kernel is connected, and only those come to life.
 */
function withPicture(
  live: IRenderMime.IRenderer,
  createPicture: () => IRenderMime.IRenderer,
): IRenderMime.IRenderer {
  let picture: IRenderMime.IRenderer | null = null;
  const choose = (): void => {
    if (picture === null || live.isDisposed) return;
    // The live display is the only element that its renderer ever holds; errors are bare text.
    const isLive = live.node.childElementCount > 0;
    if (picture.parent === null && live.parent instanceof Panel) {
      picture.addClass("jp-OutputArea-output");
      live.parent.addWidget(picture);
    }
    live.setHidden(!isLive && picture.parent !== null);
    picture.setHidden(isLive);
  };
  const observer = new MutationObserver(choose);
  MessageLoop.installMessageHook(live, (_, message) => {
    if (message.type === "after-attach") choose();
    return true;
  });
  live.disposed.connect(() => {
    observer.disconnect();
    picture?.dispose();
  });
  const renderLive = live.renderModel.bind(live);
  live.renderModel = async (model) => {
    if (isOurs(model.data[PICTURE]) && picture === null) {
      picture = createPicture();
      observer.observe(live.node, { childList: true });
    }
    await Promise.all([renderLive(model), picture?.renderModel(model)]);
  };
  return live;
}
