// What was found in the recording that is open: the share of each emotion, the strongest moments, all parts, downloads.

import { find, findAll, follow, template, write } from "./dom.js";
import { capital, clock, emotionName, face, percent } from "./format.js";
import { RECORDINGS } from "./messages-recordings.js";
import { heard } from "./timeline.js";

const PARTS = 100; // that are listed at a time

/** "Angry · 72%", and for what can't be told "Not sure: perhaps angry" or "No speech". */
export function words(region) {
  if (!region?.emotion) return RECORDINGS.noSpeech;
  return region.status === "uncertain" ? RECORDINGS.unsure(emotionName(region.emotion)) : `${capital(emotionName(region.emotion))} · ${percent(region.confidence)}`;
}

/** `go(seconds)` plays the recording from there. */
export function foundView({ go, labels }) {
  let regions = [];
  let listed = PARTS;

  /** Buttons that lead to where regions begin. */
  function buttons(element, items) {
    follow(element, items, {
      key: (region) => String(region.start),
      make: (region) => {
        const item = template("part");
        item.addEventListener("click", () => go(region.start));
        return item;
      },
      fill(item, region) {
        item.dataset.emotion = heard(region);
        write(find("face", item), face(region, labels));
        write(find("name", item), RECORDINGS.part(clock(region.start), words(region)));
      },
    });
  }

  function list() {
    const { open } = find("timeline-all");
    buttons(find("timeline-parts"), open ? regions.slice(0, listed) : []);
    find("timeline-more").hidden = !open || regions.length <= listed;
  }
  find("timeline-more").addEventListener("click", () => list((listed += PARTS)));
  find("timeline-all").addEventListener("toggle", () => list((listed = PARTS)));

  return {
    /** Shows a recording's results, or nothing while there are none. */
    show({ id, shares, moments, regions: found }) {
      find("timeline-found").hidden = !found;
      if (!found) return;
      regions = found.filter((region) => region.emotion);
      for (const row of findAll("emotion", find("timeline-shares"))) {
        const share = shares[row.dataset.emotion] ?? 0;
        find("fill", row).setAttribute("width", `${(share * 100).toFixed(1)}%`);
        write(find("share", row), percent(share));
      }
      buttons(find("timeline-moments"), moments);
      find("timeline-calm").hidden = moments.length > 0;
      list();
      for (const link of findAll("export", find("timeline-found"))) link.href = `/api/recordings/${id}/export?format=${link.dataset.export}`;
    },
  };
}
