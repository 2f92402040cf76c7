// What parts and views are made with.

export * from "./api.js";
export * from "./avatar.js";
export * from "./dialog.js";
export * from "./dom.js";
export * from "./format.js";
export * from "./icons.js";
export * from "./markdown.js";
export * from "./notify.js";
export * from "./panel.js";
export * from "./store.js";
export * from "./words.js";
