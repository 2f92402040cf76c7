// The words on the screen. English stands where it is used; the client process gives the other
// language, out of the catalogue that the command line has too.

/** @type {Record<string, string>} */
let words = {};
let language = "en";

/** @param {string} inUse @param {Record<string, string>} catalogue */
export function useWords(inUse, catalogue) {
  language = inUse;
  words = catalogue;
  document.documentElement.lang = locale();
}

/** What `Intl` calls the language. */
export function locale() {
  return language === "zh_CN" ? "zh-CN" : "en-GB";
}

/**
 * @param {string} text a literal, in double quotes: the catalogue is made from those
 * @param {Record<string, string | number>} [values]
 */
export function t(text, values) {
  return filled(words[text] || text, values);
}

/** @param {string} one @param {string} many @param {number} n @param {Record<string, any>} [values] */
export function tn(one, many, n, values) {
  return filled(words[one] || (n === 1 ? one : many), { n: number(n), ...values });
}

/** @param {string} text @param {Record<string, string | number>} [values] */
function filled(text, values) {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** How many are unread, on little room. @param {number} n */
export function few(n) {
  return n > 99 ? "99+" : number(n);
}

/** @param {number} n */
export function number(n) {
  return new Intl.NumberFormat(locale()).format(n);
}
