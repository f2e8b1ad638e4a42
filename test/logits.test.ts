/** Predictions from logits: rows, ties, and probabilities that neither overflow nor lose the sum. */
import { expect, test } from 'vitest';
import { argmax, logitsOf, predictions, softmax } from '../attack/logits.js';

test('a row is a view; the winner of a row is the first of equals', () => {
  const logits = Float32Array.of(0, 2, 2, 5, -1, 5, -3, -3, -3);
  expect([...logitsOf(logits, 1, 3)]).toEqual([5, -1, 5]);
  expect(logitsOf(logits, 1, 3).buffer).toBe(logits.buffer);
  expect([...predictions(logits, 3)]).toEqual([1, 0, 0]);
  expect(argmax(Float64Array.of(-2, -1, -1))).toBe(1);
  expect(predictions(new Float32Array(), 3)).toHaveLength(0);
});

test('probabilities are those of the definition, also far from zero', () => {
  const shares = softmax(Float32Array.of(1, 2, 4));
  const sum = Math.exp(1) + Math.exp(2) + Math.exp(4);
  for (const [i, z] of [1, 2, 4].entries()) expect(shares[i]).toBeCloseTo(Math.exp(z) / sum, 14);
  const far = softmax(Float32Array.of(1000, 1000, -1000));
  expect([...far]).toEqual([0.5, 0.5, 0]);
});
