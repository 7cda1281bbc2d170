// The events of the live stream are those of the API's document.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FORMS } from './live';

test('the live stream has the events that the document names, in their forms', () => {
  const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, { get: { responses: { 200: { content: Record<string, { 'x-events': Record<string, { $ref: string }> }> } } } }> };
  const events = document.paths['/admin/api/live']?.get.responses[200].content['text/event-stream']?.['x-events'] ?? {};
  const forms = Object.fromEntries(Object.entries(events).map(([name, form]) => [name, form.$ref.split('/').pop()]));
  expect(forms).toEqual(FORMS);
});
