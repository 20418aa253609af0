/** The sentence of an error that crossed the contract, or of any other. */
export function sentence(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : 'Something failed without saying why.';
}

/** The host's error code, such as WRONG_STATE; undefined for errors of another kind. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
