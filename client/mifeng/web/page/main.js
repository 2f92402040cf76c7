// The beginning: come in, learn what there is, and show it.

import { store } from "./lib/store.js";
import "./views/app.js";

async function begin() {
  const app = document.querySelector("mf-app");
  try {
    await store.begin();
  } catch (error) {
    app?.refused(error);
  }
}

begin();
