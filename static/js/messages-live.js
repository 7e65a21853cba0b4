// What is said in live mode.

import { number, t } from "./words.js";

/** Why live mode ended or doesn't begin, by the code of the server's `closing`; others are said in its own words. */
const LIVE = {
  session_over: t("That was ten minutes: start again to go on."),
  idle: t("The microphone sent nothing for a while: start again when you speak."),
  too_many_sessions: t("You are live in other windows: stop there first, then start here."),
};

export const liveEnd = ({ code, message }) => LIVE[code] ?? message;

/** The last minute in words: [[name of the kind, seconds], ...], the most first. */
export function lastMinute(shares) {
  if (shares.length === 0) return t("The last minute: nothing yet.");
  const list = shares.map(([name, seconds]) => `${name} ${t("{seconds} s", { seconds: number(seconds) })}`).join(", ");
  return t("The last minute: {list}.", { list });
}

export const LIVE_SAYS = {
  connecting: t("Connecting to the server."),
  listening: (voice) => (voice ? t("Listening with the voice “{name}”. Speak as you like.", { name: voice }) : t("Listening. Speak as you like.")),
  liveStopped: t("Stopped. Nothing was kept."),
  liveHidden: t("Stopped, because this page was out of sight. Nothing was kept."),
  liveSkipped: t("The server is busy: some updates are skipped."),
  liveAgain: (seconds) => t("The connection broke: trying again in {seconds} s.", { seconds: number(seconds) }),
  liveStart: t("Start"),
  liveStop: t("Stop"),
  liveWaiting: t("Listening…"),
  liveSilent: t("No speech"),
  liveSpeak: t("Speak, and this moves."),
  livePerhaps: ([first, second]) => (second ? t("Perhaps {first} or {second}", { first, second }) : t("Perhaps {first}", { first })),
};
