/** The main thread's side: questions to a machine's reader. */
import type { Machine } from '../machine/machine.ts';
import { peekTool, type PeekQuestion, type QuestionName, type Questions } from './questions.ts';

export async function askPeek<Name extends QuestionName>(
  machine: Pick<Machine, 'ask'>,
  name: Name,
  question: Questions[Name]['question'],
): Promise<Questions[Name]['answer']> {
  // The tool of this name answers each question with that question's answer; the pair is one of PeekQuestion.
  return (await machine.ask(peekTool, { name, question } as PeekQuestion)) as Questions[Name]['answer'];
}
