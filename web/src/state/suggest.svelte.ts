// Names of models while somebody types one. That they cannot be asked for is no reason to stop: any name can be typed.
import { get } from '../api/client';
import { asProblem, type Problem } from '../api/problem';

export class Suggested {
  /** Those that fit what was typed last. */
  ids = $state.raw<string[]>([]);
  /** Why there are none. */
  problem = $state.raw<Problem>();
  #asked = 0;

  /** Looks for models by a part of their name, of one provider or of all. An answer that comes after a later question is left. */
  async look(search: string, provider = ''): Promise<void> {
    const asked = ++this.#asked;
    try {
      const { models } = await get('/admin/api/models', { query: { provider: provider || undefined, search: search.trim() || undefined, limit: 30 } });
      if (asked !== this.#asked) return;
      this.ids = models.map((model) => model.id);
      this.problem = undefined;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = asProblem(thrown);
    }
  }

  /** What is said below the field: `otherwise`, or that there are no suggestions. */
  hint(otherwise?: string): string | undefined {
    return this.problem ? `Models cannot be suggested (${this.problem.message.replace(/\.$/, '')}); any name can be typed.` : otherwise;
  }
}
