/** Everything that can be done is a command, so that it can be in menus, shortcuts and the palette. */

export const Command = {
  launch: "nexapod:launch",
  open: "nexapod:open",
  connect: "nexapod:connect",
  invite: "nexapod:copy-invitation",
  stop: "nexapod:stop",
  refresh: "nexapod:refresh",
} as const;

/** The arguments of those that are about one coordinator. Without, the only one is meant. */
export interface Which {
  id?: string;
  name?: string;
}
