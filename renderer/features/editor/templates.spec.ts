import { describe, expect, it } from 'vitest';
import { assemble } from '../../../engine/assembler/assembler.ts';
import { sourcePath } from '../../../main/contract/sources.ts';
import { TEMPLATES } from './templates.ts';

describe.each(TEMPLATES)('the template $title', ({ name, text }) => {
  it('assembles, without a warning', () => {
    const { errors, warnings, bytes } = assemble({ file: name, read: () => ({ path: name, text }) });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([]);
    expect(bytes.length > 0).toBe(!name.endsWith('.inc'));
  });

  it('has a name that a source may have', () => {
    expect(sourcePath.parse(name)).toBe(name);
  });
});
