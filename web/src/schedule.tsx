// The choice of a time for a scheduled action: date, time and time zone.
import { h } from "preact";
import { useState } from "preact/hooks";
import { Words } from "./words";

export interface Moment {
  iso: string; // with the offset of its time zone; empty: no time was chosen yet
}

const minute = 60_000;
const two = (n: number) => String(n).padStart(2, "0");

// "+02:00" of minutes east of Greenwich.
function offset_text(minutes: number): string {
  const m = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(m / 60))}:${two(m % 60)}`;
}

const date_text = (at: Date) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
const clock_text = (at: Date) => `${two(at.getHours())}:${two(at.getMinutes())}`;
const local = "local"; // the browser's time zone, whose offset depends on the date

// Whole hours, and the offsets of zones with a part of an hour.
const with_part_hours = [-570, -210, 210, 270, 330, 345, 390, 525, 570, 630, 765];
const offsets = [...Array.from({ length: 27 }, (_, i) => (i - 12) * 60), ...with_part_hours].filter((minutes) => minutes !== 0).sort((a, b) => a - b);

function moment_of_fields(date: string, clock: string, zone: string): string {
  const at = new Date(`${date}T${clock}`);
  if (Number.isNaN(at.getTime())) return "";
  return `${date}T${clock}:00${zone === local ? offset_text(-at.getTimezoneOffset()) : zone}`;
}

export function When({ words, choose }: { words: Words; choose: (moment: Moment | null) => void }) {
  const soon = new Date(Date.now() + 60 * minute);
  const [later, set_later] = useState(false);
  const [date, set_date] = useState(date_text(soon));
  const [clock, set_clock] = useState(clock_text(soon));
  const [zone, set_zone] = useState(local);
  const change = (is_later: boolean, d: string, c: string, z: string) => {
    set_later(is_later), set_date(d), set_clock(c), set_zone(z);
    choose(is_later ? { iso: moment_of_fields(d, c, z) } : null);
  };
  const iso = moment_of_fields(date, clock, zone);
  const at = new Date(iso);
  const left = Math.round((at.getTime() - Date.now()) / minute);
  return (
    <fieldset class="when">
      <legend>{words.when}</legend>
      <label class="choice"><input type="radio" name="when" checked={!later} onChange={() => change(false, date, clock, zone)} /> {words.at_once}</label>
      <label class="choice"><input type="radio" name="when" checked={later} onChange={() => change(true, date, clock, zone)} /> {words.at_a_time}</label>
      {later && <label>{words.date} <input type="date" required value={date} onInput={(e: any) => change(true, e.currentTarget.value, clock, zone)} /></label>}
      {later && <label>{words.clock} <input type="time" required value={clock} onInput={(e: any) => change(true, date, e.currentTarget.value, zone)} /></label>}
      {later && (
        <label>
          {words.zone}{" "}
          <select value={zone} onChange={(e: any) => change(true, date, clock, e.currentTarget.value)}>
            <option value={local}>{words.zone_of_browser(Intl.DateTimeFormat().resolvedOptions().timeZone ?? "")}</option>
            <option value="+00:00">UTC</option>
            {offsets.map((minutes) => <option key={minutes} value={offset_text(minutes)}>UTC{offset_text(minutes)}</option>)}
          </select>
        </label>
      )}
      {later && (
        <p role="status" class={left < 0 ? "bad" : ""}>
          {iso === "" ? words.no_time : left < 0 ? words.in_the_past : words.that_is(`${at.toISOString().slice(0, 16).replace("T", " ")} UTC`, left)}
        </p>
      )}
    </fieldset>
  );
}
