/**
 * The addresses of the headless front, as a browser's client uses them: a WebSocket for the contract, and one per display.
 * Both need the session cookie that the opening page exchanged for the token; the client itself handles no secret.
 */
export const RPC_PATH = '/rpc';

/** Followed by the machine's id. What `machines.display` returns in a browser begins with it. */
export const DISPLAY_PATH = '/display/';
