import { InputDialog, Notification } from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";

import type { Which } from "./commands";
import type { Coordinators } from "./coordinators";

/** The coordinator that is meant: the one named, the only one, or the one that the user picks. */
export async function choose(
  model: Coordinators,
  which: Which,
  trans: TranslationBundle,
): Promise<{ id: string; name: string } | null> {
  const { id, name } = which;
  if (id !== undefined) return { id, name: name ?? id };
  await model.refresh();
  const all = model.all;
  if (all.length === 1) return all[0] ?? null;
  if (all.length === 0) {
    Notification.info(trans.__("No coordinator of yours runs on this machine; launch one first."));
    return null;
  }
  const items = all.map((one) => `${one.name} · ${one.url}`);
  const { value } = await InputDialog.getItem({ title: trans.__("Which coordinator?"), items });
  return all[items.indexOf(value ?? "")] ?? null;
}
