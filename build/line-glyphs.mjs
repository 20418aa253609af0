/** The line, corner, shade and block characters of code page 437 in 8×8, drawn so that neighbouring cells join. */

/** Arms of 0xB3–0xDA: up, right, down, left; 1 single, 2 double. */
const arms = (
  '1010 1011 1012 2021 0021 0012 2022 2020 0022 2002 2001 1002 0011 1100 1101 0111 1110 0101 1111 1210 ' +
  '2120 2200 0220 2202 0222 2220 0202 2222 1202 2101 0212 0121 2100 1200 0210 0120 2121 1212 1001 0110'
).split(' ');

const vertical = { near: 2, centre: 3, centre2: 4, far: 5 };
const horizontal = { near: 2, centre: 3, centre2: 3, far: 4 };

/** How far an arm's line runs from its edge inward, before mirroring: `side` is -1 near line, 1 far line, 0 single. */
function reach(side, opposite, first, second, across) {
  if (side === 0) {
    if (opposite > 0) return across.centre2;
    if (first === 2 && second === 2) return across.near;
    if (first === 2 || second === 2) return across.far;
    return across.centre2;
  }
  const own = side < 0 ? first : second;
  const other = side < 0 ? second : first;
  if (own === 2) return across.near;
  if (own === 1) return across.centre;
  if (opposite > 0) return across.centre2;
  return other === 2 ? across.far : across.centre2;
}

function mirrored(across) {
  return { near: 7 - across.far, centre: 7 - across.centre2, centre2: 7 - across.centre, far: 7 - across.near };
}

function lines(code) {
  const [up, right, down, left] = [...arms[code - 0xb3]].map(Number);
  const rows = new Array(8).fill(0);
  const dot = (x, y) => (rows[y] |= 0x80 >> x);
  const columns = { '-1': [vertical.near], 0: [vertical.centre, vertical.centre2], 1: [vertical.far] };
  const lineRows = { '-1': [horizontal.near], 0: [horizontal.centre], 1: [horizontal.far] };
  const sides = (weight) => (weight === 2 ? [-1, 1] : weight === 1 ? [0] : []);
  for (const side of sides(up)) {
    for (let y = 0; y <= reach(side, down, left, right, horizontal); y++) columns[side].forEach((x) => dot(x, y));
  }
  for (const side of sides(down)) {
    for (let y = 0; y <= reach(side, up, left, right, mirrored(horizontal)); y++) columns[side].forEach((x) => dot(x, 7 - y));
  }
  for (const side of sides(left)) {
    for (let x = 0; x <= reach(side, right, up, down, vertical); x++) lineRows[side].forEach((y) => dot(x, y));
  }
  for (const side of sides(right)) {
    for (let x = 0; x <= reach(side, left, up, down, mirrored(vertical)); x++) lineRows[side].forEach((y) => dot(7 - x, y));
  }
  return rows;
}

/** Rows of the character with this code, or undefined when it is none of them. */
export function drawLines(code) {
  if (code === 0xb0) return [0x22, 0x88, 0x22, 0x88, 0x22, 0x88, 0x22, 0x88];
  if (code === 0xb1) return [0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa];
  if (code === 0xb2) return [0xdd, 0x77, 0xdd, 0x77, 0xdd, 0x77, 0xdd, 0x77];
  if (code >= 0xb3 && code <= 0xda) return lines(code);
  if (code === 0xdb) return new Array(8).fill(0xff);
  if (code === 0xdc) return [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
  if (code === 0xdd) return new Array(8).fill(0xf0);
  if (code === 0xde) return new Array(8).fill(0x0f);
  if (code === 0xdf) return [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
  return undefined;
}
