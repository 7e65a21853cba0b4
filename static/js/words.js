// The page's sentences and figures in its language. English sentences are the keys; the page carries the others.

const page = globalThis.document;
const WORDS = JSON.parse(page?.querySelector?.("[data-catalogue]")?.textContent ?? "{}");
/** Words that the page fetched later: what modules say that wait until they are wanted. */
export const learn = (words) => Object.assign(WORDS, words);

const language = page?.documentElement?.lang || "en";

/** The page's language with the reader's region, where the browser names it: "de-AT". */
export const locale = globalThis.navigator?.languages?.find((tag) => tag.split("-")[0] === language) ?? language;

export const fill = (sentence, gaps) => sentence.replace(/\{(\w+)\}/g, (_, name) => gaps[name] ?? "");

/** An English sentence in the page's language; its {gaps} are filled with `gaps`, or left to who has them. */
export const t = (sentence, gaps) => (gaps ? fill(WORDS[sentence] ?? sentence, gaps) : (WORDS[sentence] ?? sentence));

const FORMS = ["one", "few", "many", "other"]; // the order of a catalogue's forms; the last stands for all after it
const rules = new Intl.PluralRules(language);

/** `one` or `other` as the page's language counts; the gap {count} is filled. */
export function tMany(one, other, count, gaps = {}) {
  const forms = WORDS[one] ?? [one, other];
  const form = Math.min(FORMS.indexOf(rules.select(count)), forms.length - 1);
  return fill(forms[form], { count: number(count), ...gaps });
}

const figures = new Intl.NumberFormat(locale);
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const shares = new Intl.NumberFormat(locale, { style: "percent" });

export const number = (value) => figures.format(value);
export const tenth = (value) => tenths.format(value);
export const percent = (share) => shares.format(share);
