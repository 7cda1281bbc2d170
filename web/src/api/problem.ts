// What went wrong, in the words of the gateway or, where it said none, in ours.

/** An error of the admin API: a sentence, what to do, and the request's id for the log. */
export class Problem extends Error {
  override name = 'Problem';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly advice: string,
    readonly requestId?: string,
    readonly version?: string,
  ) {
    super(message);
  }

  /** Whether somebody else changed the same thing meanwhile. */
  get isStale(): boolean {
    return this.status === 412 || this.status === 409;
  }
}

/** What an answer that is no success tells. */
export async function problemOf(answer: Response): Promise<Problem> {
  const text = await answer.text().catch(() => '');
  try {
    const error = (JSON.parse(text) as { error?: Record<string, string> }).error;
    if (error && typeof error['message'] === 'string') {
      return new Problem(answer.status, error['code'] ?? '', error['message'], error['advice'] ?? '', error['request_id'], error['version']);
    }
  } catch {
    // Not ours: a proxy in between, most likely.
  }
  const id = answer.headers.get('x-request-id') ?? undefined;
  return new Problem(answer.status, 'no_problem', `The gateway answered ${answer.status} without saying why.`, 'If there is a proxy in front of it, look at its log; else at the log of torod.', id);
}

/** Anything that was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof TypeError && /fetch|network|load failed/i.test(thrown.message)) return unreachable();
  const what = thrown instanceof Error ? thrown.message : String(thrown);
  return new Problem(0, 'page_error', `This page failed: ${what}`, 'Reload it. If that does not help, report it with what you did.');
}

/** When nobody answers. */
export function unreachable(): Problem {
  return new Problem(0, 'unreachable', 'The gateway does not answer.', 'See whether torod runs, and whether this browser can reach its address; what you entered stays here.');
}
