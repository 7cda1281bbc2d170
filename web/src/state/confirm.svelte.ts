// The one question before something is destroyed; see parts/Confirm.svelte.

/** What is asked. */
export interface Question {
  /** Such as `Revoke “ci”?` */
  title: string;
  /** What happens then, in whole sentences. */
  consequence: string;
  /** What exactly is concerned, line by line. */
  lines?: string[];
  /** What the button says: the act and not "OK". */
  act: string;
  /** Has to be typed first, for what nobody can bring back. */
  typed?: string;
  isHarmless?: boolean;
}

class Confirm {
  question = $state<Question>();
  #answer: ((isYes: boolean) => void) | undefined;

  /** Asks; true: do it. */
  ask(question: Question): Promise<boolean> {
    this.answer(false);
    this.question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(isYes: boolean): void {
    this.question = undefined;
    this.#answer?.(isYes);
    this.#answer = undefined;
  }
}

const asker = new Confirm();
export { asker as confirm };
