/** Why a value is not taken: what is refused, the rule, and a value that would be taken (a link applies it). */
export interface Refusal {
  what: string;
  why: string;
  fix?: string | undefined;
}
