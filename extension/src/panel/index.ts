export { mount } from "./mount";
export type { MountOptions } from "./mount";
export type { Answer, Link, LinkState } from "./link";
export type { Message } from "./model/messages";
