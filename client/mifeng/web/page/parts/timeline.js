// A unit's timeline: a window of lines that grows at either end as one scrolls, and is cut at the
// other, so that ten thousand messages weigh no more than two hundred.

import { announce, ask, by, complain, Declined, fill, gist, h, icon, left, Part, plain, said, store, t, tn } from "../lib/index.js";
import { drawLine, isOneMore, line, oneMore, run } from "./message.js";
import { serveActions } from "./actions.js";

/** @typedef {import("../api").MessageFacts} MessageFacts */

const MOST = 240;
const NEAR = 600;

export class TimelinePart extends Part {
  unit = "";
  /** @type {MessageFacts[]} */ entries = [];
  /** @type {MessageFacts[]} */ waiting = [];
  /** @type {import("../api").UnsentFacts[]} */ unsent = [];
  /** @type {Map<number, HTMLElement>} */ rows = new Map();
  #moreBefore = false;
  #moreAfter = false;
  #loading = false;
  #behind = false;
  #catching = false;
  #readTo = 0;
  #markAt = 0;
  #lines = h("div.lines");
  #outgoing = h("div.lines");
  #resized = new ResizeObserver(() => this.#atEnd && this.#toEnd());
  #newest = h("button.newest", { hidden: true });
  #scroller = h("div.scroller", { tabIndex: 0, role: "region", "aria-label": t("Messages") });

  begin() {
    fill(this.#scroller, this.#lines, this.#outgoing);
    fill(this, this.#scroller, this.#newest);
    this.on(this.#scroller, "scroll", () => this.#scrolled(), { passive: true });
    this.on(this.#newest, "click", () => this.open(this.unit));
    serveActions(this, this);
    this.on(this, "grown", (event) => this.#grown(event));
    this.on(store, "line-changed", (event) => this.#take(event.detail));
    this.on(store, "entry changed", (event) => (event.detail?.unit ?? this.unit) === this.unit && this.#catchUp());
    this.on(store, "renewed", (event) => event.detail === this.unit && this.open(this.unit));
    this.on(store, "minute", () => this.#age());
    this.on(document, "visibilitychange", () => this.#markRead());
    this.#resized.observe(this.#scroller);
  }

  /** Whoever comes back comes anew: to what was said meanwhile. */
  end() {
    this.#resized.disconnect();
    this.unit = "";
  }

  /** Show a unit: at its end, at what is unread, or at a line or time. @param {string} unit @param {{ around?: number, at?: number }} [place] */
  async open(unit, place = {}) {
    const facts = store.unit(unit), isSame = this.unit === unit;
    if (!isSame) {
      this.#markAt = facts?.unread ? facts.read : 0;
      this.#readTo = facts?.read ?? 0;
    }
    this.unit = unit;
    this.#loading = true;
    const around = place.around ?? (place.at || !this.#markAt || !facts?.unread ? undefined : this.#markAt + 1);
    try {
      const page = await ask("timeline", { unit, around, at: place.at });
      if (this.unit !== unit) return;
      this.#forget(isSame ? page.entries : []);
      this.entries = page.entries;
      [this.waiting, this.unsent] = [page.waiting, page.unsent];
      [this.#moreBefore, this.#moreAfter] = [page.more_before, page.more_after];
      this.#drawAll();
      if (place.around) this.jump(place.around, true);
      else if (place.at) this.rows.get(this.entries.find((one) => one.at >= (place.at ?? 0))?.sequence ?? this.#last)?.scrollIntoView();
      else {
        const mark = /** @type {HTMLElement | null} */ (this.querySelector(".unread-line"));
        if (mark) this.#scroller.scrollTop = mark.offsetTop - 80;
        else {
          // What was unread is no line: the next one that comes is the first.
          this.#markAt = 0;
          this.#toEnd();
        }
      }
    } catch (error) {
      if (this.unit === unit) fill(this.#lines, h("p.empty", said(error)));
    } finally {
      this.#loaded();
    }
    this.#scrolled();
  }

  /** Rows of what is as it was stay, with the pictures in them. @param {MessageFacts[]} now */
  #forget(now) {
    const kept = new Set(now[0]?.sequence === this.entries[0]?.sequence ? now.map((one) => JSON.stringify(one)) : []);
    const gone = new Set(this.entries.filter((one) => !kept.has(JSON.stringify(one))).map((one) => this.rows.get(one.sequence)));
    for (const [sequence, row] of this.rows) if (gone.has(row)) this.rows.delete(sequence);
  }

  #drawAll() {
    this.#reuse();
    this.#newest.hidden = !this.#moreAfter;
    this.#sayNewest(0);
  }

  /** Up to which line there is one. */
  get #last() {
    return this.entries.at(-1)?.sequence ?? 0;
  }

  /** A new row; or the one before, if this only goes on. @param {MessageFacts} entry @param {MessageFacts | null} before */
  #row(entry, before) {
    const last = before && isOneMore(before, entry) ? this.rows.get(before.sequence) : undefined;
    if (last) oneMore(last, entry);
    const row = last ?? line(entry, before);
    this.rows.set(entry.sequence, row);
    return row;
  }

  #beginning() {
    const unit = store.unit(this.unit);
    return h("div.beginning", icon("lock"),
      h("p", h("strong", h("bdi", unit?.title ?? "")), h("br"),
        t("Only the people in here can read this. It is kept for {d} days, then gone for everybody.",
          { d: Math.round((unit?.policy?.retention_s ?? 0) / 86400) })));
  }

  #drawWaiting() {
    const button = (/** @type {"send_again" | "discard"} */ name, /** @type {number} */ number, /** @type {string} */ label) => h("button", {
      onclick: () => ask(name, { unit: this.unit, number }).catch(complain).then(() => this.#catchUp()),
    }, label);
    this.#outgoing.replaceChildren(...run(this.waiting, this.entries.at(-1) ?? null), ...this.unsent.map(({ number, text, why }) =>
      h("div.banner.bad", h("p.grow", t("Not sent: {text}", { text }), h("br"), why),
        button("send_again", number, t("Send again")), button("discard", number, t("Forget")))));
  }

  /** How far it is to the end of what is drawn. */
  get #below() {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  get #atEnd() {
    return !this.#moreAfter && this.#below < 48;
  }

  /** Whoever is at the end stays there, whatever comes. @param {() => void} act */
  #staying(act) {
    const atEnd = this.#atEnd;
    act();
    if (atEnd) this.#toEnd();
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #scrolled() {
    if (!this.#loading && this.#moreBefore && this.#scroller.scrollTop < NEAR) this.#more(true);
    else if (!this.#loading && this.#moreAfter && this.#below < NEAR) this.#more(false);
    if (this.#atEnd) {
      this.#newest.hidden = true;
      this.#markRead();
    } else if (this.#below > this.#scroller.clientHeight) this.#newest.hidden = false;
  }

  /** More at one end; what is far from there is cut. @param {boolean} isEarlier */
  async #more(isEarlier) {
    const stays = isEarlier ? this.entries[1] ?? this.entries[0] : this.entries.at(-1);
    await this.#page(isEarlier ? { before: this.entries[0]?.sequence ?? 1 } : { after: this.#last }, (page) => {
      const all = isEarlier ? [...page.entries, ...this.entries] : [...this.entries, ...page.entries];
      const cut = all.length > MOST;
      this.entries = isEarlier ? all.slice(0, MOST) : all.slice(-MOST);
      this.#moreBefore = isEarlier ? page.more_before : this.#moreBefore || cut;
      this.#moreAfter = isEarlier ? this.#moreAfter || cut : page.more_after;
      if (this.#moreAfter) this.waiting = [];
      else if (!isEarlier) this.waiting = page.waiting;
      this.#redraw(stays);
    });
  }

  /** Draw what there is now, and what one reads stays where it is. @param {MessageFacts | undefined} entry that is there before and after */
  #redraw(entry) {
    const top = () => this.rows.get(entry?.sequence ?? 0)?.offsetTop ?? 0;
    const { scrollTop } = this.#scroller, before = top();
    this.#reuse();
    this.#scroller.scrollTop = scrollTop + top() - before;
  }

  /** Put the rows in order again; those that are there already stay what they are. */
  #reuse() {
    const before = this.rows;
    this.rows = new Map();
    const all = document.createDocumentFragment();
    if (!this.#moreBefore) all.append(this.#beginning());
    /** @type {MessageFacts | null} */ let last = null;
    for (const entry of this.entries) {
      const old = before.get(entry.sequence);
      const row = old ?? this.#row(entry, last);
      if (old && entry.kind === "message" && last && !before.has(last.sequence)) drawLine(old, entry, last);
      if (this.#markAt && entry.sequence > this.#markAt && last && last.sequence <= this.#markAt) all.append(unreadLine());
      this.rows.set(entry.sequence, row);
      all.append(row);
      last = entry;
    }
    this.#lines.replaceChildren(all);
    this.#drawWaiting();
  }

  /** @param {{ before?: number, after?: number }} where @param {(page: import("../api").TimelineReply) => void} take @param {boolean} [alone] nothing else is loaded meanwhile */
  async #page(where, take, alone = true) {
    const unit = this.unit;
    if (alone) this.#loading = true;
    try {
      const page = await ask("timeline", { unit, ...where });
      if (this.unit !== unit) return;
      this.unsent = page.unsent;
      take(page);
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
    } finally {
      if (alone) this.#loaded();
    }
  }

  /** What was told while a page was on its way may not be on it. */
  #loaded() {
    this.#loading = false;
    if (this.#behind) this.#catchUp();
  }

  /** Lines that came meanwhile, and what still waits. */
  async #catchUp() {
    if (!this.unit || this.#moreAfter) return;
    this.#behind = this.#loading || this.#catching;
    if (this.#behind) return;
    this.#catching = true;
    const atEnd = this.#atEnd;
    await this.#page({ after: this.#last }, (page) => {
      if (this.#moreAfter) return;
      for (const entry of page.entries) this.#append(entry);
      this.waiting = page.waiting;
      this.#drawWaiting();
      if (atEnd) this.#toEnd();
    }, false).finally(() => {
      this.#catching = false;
      if (this.#behind) this.#catchUp();
    });
  }

  /** A line is new, or is another than it was. @param {MessageFacts} entry */
  #take(entry) {
    if (entry.unit !== this.unit) return;
    const at = this.entries.findIndex((one) => one.sequence === entry.sequence);
    const row = this.rows.get(entry.sequence);
    if (at >= 0 && row) this.#staying(() => {
      this.entries[at] = entry;
      drawLine(row, entry, this.entries[at - 1] ?? null);
    });
    if (entry.is_edited || entry.is_deleted) this.#quoted(entry);
    if (at < 0 && !this.#moreAfter) this.#staying(() => this.#append(entry));
  }

  /** What answers it says what it says now. @param {MessageFacts} there */
  #quoted(there) {
    const reply_text = there.is_deleted ? "" : gist(there), reply_by = reply_text && by(there);
    for (const [n, one] of this.entries.entries()) {
      const row = this.rows.get(one.sequence);
      if (!row || one.sequence === there.sequence || (one.reply_to || one.thread) !== there.sequence || one.reply_text === reply_text) continue;
      const entry = this.entries[n] = { ...one, reply_by, reply_text };
      drawLine(row, entry, this.entries[n - 1] ?? null);
    }
  }

  /** @param {MessageFacts} entry */
  #append(entry) {
    const last = this.entries.at(-1) ?? null;
    if (last && entry.sequence <= last.sequence) return;
    if (entry.is_mine) this.waiting = this.waiting.slice(1);
    const mine = entry.is_mine || entry.kind !== "message";
    if (!mine && !this.#markAt && (document.hidden || !this.#atEnd)) {
      this.#markAt = last?.sequence ?? 0;
      if (this.#markAt) this.#lines.append(unreadLine());
    }
    this.#lines.append(this.#row(entry, last));
    this.entries.push(entry);
    this.#drawWaiting();
    if (!mine) announce(`${by(entry)}: ${plain(entry.text).slice(0, 200)}`);
    this.#sayNewest(this.#atEnd ? 0 : 1);
    setTimeout(() => this.#markRead());
  }

  #unseen = 0;

  /** @param {number} more */
  #sayNewest(more) {
    this.#unseen = more ? this.#unseen + more : 0;
    fill(this.#newest, icon("down"), this.#unseen ? tn("{n} new message", "{n} new messages", this.#unseen) : t("To the newest"));
    if (this.#unseen) this.#newest.hidden = false;
  }

  #marking = 0;

  #markRead() {
    const { unit } = this, last = this.#last;
    if (!unit || document.hidden || !this.#atEnd || last <= this.#readTo) return;
    this.#readTo = last;
    this.#unseen = 0;
    clearTimeout(this.#marking);
    this.#marking = window.setTimeout(() => {
      ask("mark_read", { unit, sequence: last }).then(() => store.loadUnits()).catch(() => {});
    }, 400);
  }

  /** A picture has come in above: what one reads stays where it is. @param {CustomEvent<number>} event */
  #grown(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const above = target.getBoundingClientRect().bottom - event.detail < this.#scroller.getBoundingClientRect().top;
    if (above) this.#scroller.scrollTop += event.detail;
    else if (this.#below - event.detail < 60) this.#toEnd();
  }

  #age() {
    for (const entry of this.entries) {
      if (!entry.files.length) continue;
      for (const shown of this.rows.get(entry.sequence)?.querySelectorAll(".until") ?? [])
        shown.textContent = left(entry.until);
    }
    if (this.entries.some((one) => one.until < Date.now() && !one.problem && one.kind === "message")) this.open(this.unit);
  }

  /** Go to a line, wherever it is. @param {number} sequence @param {boolean} [here] */
  async jump(sequence, here = false) {
    const row = this.rows.get(sequence);
    if (!row) return void (here || (await this.open(this.unit, { around: sequence })));
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
    row.classList.add("shown");
    setTimeout(() => row.classList.remove("shown"), 1600);
  }

  /** @param {Element | null} row */
  entry(row) {
    const sequence = Number(row?.getAttribute("data-sequence") ?? 0);
    return sequence ? this.entries.find((one) => one.sequence === sequence) : undefined;
  }

  /** The last message of one's own, for editing it. */
  get lastOwn() {
    return this.entries.findLast((one) => one.is_mine && !one.is_deleted && !one.problem);
  }

  focusLast() {
    [...this.rows.values()].pop()?.focus();
  }
}

function unreadLine() {
  return h("div.unread-line", { role: "separator" }, h("span", t("New")));
}

customElements.define("mf-timeline", TimelinePart);
