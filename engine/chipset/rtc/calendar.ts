/** The time as the clock's registers have it, before BCD and the 12-hour form. Years are full, months 1-12, Sunday is day 1. */
export interface CalendarTime {
  year: number;
  month: number;
  day: number;
  weekday: number;
  hours: number;
  minutes: number;
  seconds: number;
}

export function calendarFrom(secondsSince1970: number): CalendarTime {
  const date = new Date(secondsSince1970 * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay() + 1,
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
    seconds: date.getUTCSeconds(),
  };
}

/** Fields out of range carry over, as 31 April becomes 1 May. The weekday is not looked at. */
export function secondsFrom(time: CalendarTime): number {
  const date = new Date(0);
  date.setUTCFullYear(time.year, time.month - 1, time.day);
  date.setUTCHours(time.hours, time.minutes, time.seconds);
  return Math.floor(date.getTime() / 1000);
}

export function toBcd(value: number): number {
  return (Math.floor(value / 10) << 4) | (value % 10);
}

export function fromBcd(value: number): number {
  return (value >> 4) * 10 + (value & 15);
}
