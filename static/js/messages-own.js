// What of the visitor's own had a part in an answer, and why it is what it is; fetched with the first answer.

import { emotionName } from "./emotions.js";
import { t } from "./words.js";

/** What of this visitor's own had a part in an answer, and which taught voice it sounds like; "" where there is none. */
export const ownWords = (clip) => [partWords(clip), whoWords(clip)].filter(Boolean).join(" ");

function whoWords({ who, voice }) {
  if (!who) return "";
  if (!who.name) return t("Sounds like nobody whose voice was taught.");
  return who.name === voice ? t("Sounds like “{name}”.", who) : t("Sounds like “{name}”: switch that voice on to be heard with it.", who);
}

function partWords({ voice, personal }) {
  if (voice && personal) return t("Heard with the voice “{name}” and with what you corrected.", { name: voice });
  if (voice) return t("Heard with the voice “{name}”.", { name: voice });
  return personal ? t("Heard with what you corrected.") : "";
}

const SIDES = {
  pitch: { more: t("a higher pitch"), less: t("a lower pitch"), usual: t("the pitch") },
  loudness: { more: t("a louder voice"), less: t("a quieter voice"), usual: t("the loudness") },
  tempo: { more: t("a livelier rhythm"), less: t("a calmer rhythm"), usual: t("the rhythm") },
  brightness: { more: t("a brighter sound"), less: t("a darker sound"), usual: t("the brightness") },
  timbre: { usual: t("the colour of the voice") },
};

/** Why an answer is what it is, in a line: an explanation of the API -> text. */
export function whyWords({ emotion, reasons, known_voice: known }) {
  const name = emotionName(emotion);
  if (!reasons.length) return t("No side of the voice alone spoke for {emotion}: it was all of it together.", { emotion: name });
  const sides = reasons.slice(0, 3).map(({ feature, direction }) => SIDES[feature]?.[direction] ?? SIDES[feature]?.usual ?? feature);
  const gaps = { emotion: name, sides: sides.join(", ") };
  return known
    ? t("What spoke for {emotion}, compared with your usual voice: {sides}. Darker moments weighed more.", gaps)
    : t("What spoke for {emotion}, compared with most voices: {sides}. Darker moments weighed more.", gaps);
}

export const WHY_AWAY = t("Why can't be told now: try again in a moment.");
