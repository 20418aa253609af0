import { userInfo } from 'node:os';
import { expect, it } from 'vitest';
import { accountName } from './person.ts';

it('is the account’s name, or its number where there is no name', () => {
  expect(accountName()).toBe(userInfo().username);
  const nameless = (): never => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  expect(accountName(nameless)).toBe(`user ${process.getuid?.()}`);
});
