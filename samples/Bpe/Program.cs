// Trains a language model on a text by the tokens of a learned vocabulary, and lets it go on. The tokenizer is
// Microsoft.ML.Tokenizers': the engine takes any tokens that are numbers.
using System.Globalization;
using Edifice.Attention;
using Edifice.Engine;
using Edifice.Nn;
using Edifice.Samples.Bpe;

const int Length = 48, Batch = 8, VocabularySize = 400;

if (args.Length is < 1 or > 2) return Usage();
var text = File.ReadAllText(args[0]).ReplaceLineEndings("\n");
var steps = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 300;

var (tokenizer, vocabulary) = Vocabulary.Learn(text, VocabularySize);
var tokens = tokenizer.EncodeToIds(text).Select(t => (long)t).ToArray();
if (tokenizer.Decode(tokens.Select(t => (int)t)) != text) throw new InvalidOperationException("the tokens do not decode to the text");
Console.WriteLine($"{text.Length} characters are {tokens.Length} tokens of {vocabulary}");

Generator.Seeded(1);
var model = new LanguageModel(vocabulary, Blocks.Build(new GqaOptions { EmbedDim = 64, HiddenSize = 64, NumHeads = 4, NumKvHeads = 2, NumLayers = 2, Rope = true }), tied: true);
var optimizer = new Optimizer(model, new AdamW { LearningRate = 3e-3 });
var random = new Generator(7);
for (var step = 1; step <= steps; step++)
{
    using var scope = Tensor.Scope();
    var windows = new long[Batch * (Length + 1)];
    for (var b = 0; b < Batch; b++) tokens.AsSpan(random.NextInt(tokens.Length - Length), Length + 1).CopyTo(windows.AsSpan(b * (Length + 1)));
    var window = Tensor.FromArray(windows, [Batch, Length + 1]);
    var loss = model.Loss(window[.., ..^1], window[.., 1..]);
    optimizer.ZeroGrad();
    loss.Backward();
    optimizer.Step();
    if (step == 1 || step % 50 == 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {step}: {loss.Item():f3} nats per token"));
}

model.Eval();
int[] prompt = [.. tokenizer.EncodeToIds(text[..Math.Min(text.Length, 40)])];
Console.WriteLine(tokenizer.Decode(prompt.Concat(model.Generate(prompt, 60, new Sampling { Temperature = 0.7 }))));
return 0;

static int Usage()
{
    Console.Error.WriteLine("usage: edifice-bpe FILE [STEPS]");
    return 2;
}
