using Edifice.Attention;
using Edifice.Engine;
using Edifice.Engine.Cpu;
using Edifice.Nn;

// Trains one step and streams one token with nothing but the packages.
Generator.Seeded(1);
var model = new LanguageModel(16, Blocks.Build("gqa", """{"embed_dim": 16, "hidden_size": 16, "num_layers": 1, "num_heads": 2}"""));
var optimizer = new Optimizer(model, new AdamW { LearningRate = 0.01 });
Tensor tokens = Tensor.FromArray([1L, 2, 3, 4], [1, 4]), targets = Tensor.FromArray([2L, 3, 4, 5], [1, 4]);
var before = model.Loss(tokens, targets);
before.Backward();
optimizer.Step();
if (!(model.Loss(tokens, targets).Item() < before.Item())) throw new InvalidOperationException("the step did not help");
model.Eval();
var next = model.Generate([1, 2], 1, Sampling.Greedy).Single();
Console.WriteLine($"linked from packages: {typeof(Tensor).Assembly.GetName().Version!.ToString(3)}, {CpuBackend.InstructionSet}, next token {next}");
