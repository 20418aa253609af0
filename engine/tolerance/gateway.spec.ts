import { describe, expect, it } from 'vitest';
import { Gateway, startingGateway } from './gateway.ts';

describe('who takes part', () => {
  const begun = () => {
    const gateway = new Gateway(startingGateway(['com1']));
    gateway.fromSide('a', { kind: 'alone', term: 1 });
    return gateway;
  };

  it('is not the one that was to join and is gone: input is forgotten again', () => {
    const gateway = begun();
    gateway.fromSide('a', { kind: 'share', term: 1 });
    for (const input of [1, 2, 3]) gateway.input(input);
    gateway.fromSide('a', { kind: 'applied', kept: 3, next: 3 });
    expect(gateway.state.inputs).toEqual([1, 2, 3]);
    gateway.fromSide('a', { kind: 'alone', term: 1 });
    expect([gateway.state.inputs, gateway.state.base, Object.keys(gateway.state.members)]).toEqual([[], 3, ['a']]);
  });

  it('is not who comes to a state when the other has a newer term already', () => {
    const gateway = begun();
    gateway.fromSide('a', { kind: 'share', term: 1 });
    gateway.fromSide('a', { kind: 'alone', term: 2 });
    gateway.fromSide('b', { kind: 'rewound', next: 0 });
    gateway.input(1);
    gateway.fromSide('a', { kind: 'applied', kept: 1, next: 1 });
    expect(gateway.state.inputs).toEqual([]);
  });
});
