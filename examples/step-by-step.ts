import { createAttack, createEngine, openModel, preprocess, readImage, toTensor } from 'cfr-attack';

const engine = await createEngine();
const model = await openModel('vgg11_bn-cifar10');
const image = preprocess(await readImage('examples/cat.png'), model.spec);
const attack = await createAttack(engine, model, { method: 'fmn', norm: 'l2', iterations: 12 });
const session = await attack.start(toTensor(image), Uint32Array.of(model.labels.indexOf('cat')));
while (await session.step(3)) {
  const { steps, fools, trace } = await session.snapshot();
  console.log(`step ${steps}: loss ${trace[0]!.at(-2)!.toFixed(2)}${fools[0] ? ', fools' : ''}`);
}
const { success, classesAdv } = await session.finish();
console.log(success[0] ? `cat -> ${model.labels[classesAdv[0]!]}` : 'still a cat');
engine.close();
