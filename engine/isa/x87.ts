/** Names of what the x87 does, as the instruction table says them to the floating-point unit of cpu/ (see Services.x87Stack). */

export const enum X87 {
  add,
  multiply,
  compare,
  subtract,
  subtractReversed,
  divide,
  divideReversed,
  compareQuietly,
  compareToFlags,
  compareQuietlyToFlags,
  test,
  examine,
  exchange,
  load,
  store,
  /** An alias of FSTP that takes an empty ST(0) without complaint; it pops by itself. */
  storeUnchecked,
  free,
  moveIfBelow,
  moveIfEqual,
  moveIfBelowOrEqual,
  moveIfUnordered,
  moveIfNotBelow,
  moveIfNotEqual,
  moveIfAbove,
  moveIfOrdered,
  absolute,
  changeSign,
  squareRoot,
  roundToInteger,
  scale,
  extract,
  remainder,
  nearestRemainder,
  powerOfTwo,
  logarithm,
  logarithmPlusOne,
  tangent,
  arcTangent,
  sine,
  cosine,
  sineAndCosine,
  loadOne,
  loadLogarithm10,
  loadLogarithmE,
  loadPi,
  loadLogarithm2Of10,
  loadNaturalLogarithm2,
  loadZero,
  incrementTop,
  decrementTop,
  nothing,
  /** The following do not wait for pending exceptions. */
  initialise,
  clearExceptions,
  storeControl,
  storeStatus,
  storeStatusToAx,
  storeEnvironment,
  save,
  /** FXSAVE and FXRSTOR: the image of 512 bytes. */
  saveExtended,
  restoreExtended,
  /** 8087 and 80287 only: without effect on later processors, not even on pointers. */
  ignored,
  /** The following wait, and leave the pointers alone. */
  loadControl,
  loadEnvironment,
  restore,
}

/** What a memory operand is. */
export const enum X87Format {
  real32,
  real64,
  real80,
  integer16,
  integer32,
  integer64,
  decimal,
  /** Control or status word. */
  word,
  /** Environment or state, by the operand size. */
  image16,
  image32,
}

/** Operations are given to services with the number of pops that follow them. */
export const popShift = 8;
