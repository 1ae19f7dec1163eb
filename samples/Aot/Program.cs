// A program that trains, checks a gradient, saves, loads and streams, to be published as one native file. What it prints
// depends on the machine's instruction set alone: published and run by the just-in-time compiler it gives the same bits.
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Edifice.Attention;
using Edifice.Engine;
using Edifice.Engine.Checking;
using Edifice.Engine.Cpu;
using Edifice.Nn;

const string Text = "the engine reads one token after another, the engine writes one token after another. ";
const int Length = 32, Batch = 8;

NativeImages.RunWidest();
var what = args.Length > 0 ? args[0] : "all";
switch (what)
{
    case "info":
        Console.WriteLine($"version         {typeof(Tensor).Assembly.GetName().Version!.ToString(3)}");
        Console.WriteLine($"runtime         {RuntimeInformation.FrameworkDescription}, {(RuntimeFeature.IsDynamicCodeSupported ? "just in time" : "ahead of time")}");
        Console.WriteLine($"instruction set {CpuBackend.InstructionSet}");
        Console.WriteLine($"machine level   {NativeImages.MachineLevel ?? "not known, or below x86-64-v3"}");
        Console.WriteLine($"threads         {CpuBackend.Threads}");
        return 0;
    case "first-step":
        Train(Build(), 1);
        return 0;
    case "speed":
        Speed();
        return 0;
    case "all":
        All();
        return 0;
    default:
        Console.Error.WriteLine("usage: edifice-aot [all | info | first-step | speed]");
        return 2;
}

static LanguageModel Build()
{
    Generator.Seeded(1);
    return new LanguageModel(256, Blocks.Build(new GlaOptions { EmbedDim = 32, HiddenSize = 32, NumLayers = 2, NumHeads = 2 }));
}

static void All()
{
    var model = Build();
    Train(model, 60);

    var check = GradCheck.Run(v => [(v[0].MatMul(v[1]).Silu() * v[2]).LogSumExp([-1])],
        [Tensor.Randn([3, 4], DType.Float64), Tensor.Randn([4, 5], DType.Float64), Tensor.Randn([3, 5], DType.Float64)]);
    Console.WriteLine(check.Passed ? "the gradient agrees with central differences" : check.Report);

    var path = Path.Combine(Path.GetTempPath(), $"edifice-aot-{Environment.ProcessId}.safetensors");
    try
    {
        model.Save(path);
        var loaded = Build();
        loaded.Load(path);
        loaded.Eval();
        var text = Encoding.ASCII.GetString([.. loaded.Generate(['t', 'h', 'e', ' '], 40, Sampling.Greedy).Select(t => (byte)t)]);
        Console.WriteLine($"saved, loaded, streamed: {text}");
    }
    finally
    {
        File.Delete(path);
    }
}

static void Train(LanguageModel model, int steps)
{
    var bytes = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(Text, 8)));
    var optimizer = new Optimizer(model, new AdamW { LearningRate = 3e-3 });
    var random = new Generator(7);
    for (var step = 1; step <= steps; step++)
    {
        using var scope = Tensor.Scope();
        long[] tokens = new long[Batch * Length], targets = new long[Batch * Length];
        for (var b = 0; b < Batch; b++)
        {
            var start = random.NextInt(bytes.Length - Length);
            for (var t = 0; t < Length; t++) (tokens[b * Length + t], targets[b * Length + t]) = (bytes[start + t], bytes[start + t + 1]);
        }

        var loss = model.Loss(Tensor.FromArray(tokens, [Batch, Length]), Tensor.FromArray(targets, [Batch, Length]));
        optimizer.ZeroGrad();
        loss.Backward();
        optimizer.Step();
        if (step == 1 || step % 20 == 0)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {step}: loss {loss.Item():f4}, bits {BitConverter.SingleToUInt32Bits((float)loss.Item()):x8}"));
    }
}

static void Speed()
{
    CpuBackend.Threads = 1;
    using var off = Tensor.NoGrad();
    Generator.Seeded(1);
    Tensor a = Tensor.Randn([512, 512]), b = Tensor.Randn([512, 512]), x = Tensor.Randn([1 << 18]);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"matrix product of 512 x 512, one thread: {2 * Math.Pow(512, 3) / Best(() => a.MatMul(b)) / 1e9:f0} GFLOP/s"));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"exp of 2^18 floats, one thread: {x.Count / Best(() => x.Exp()) / 1e9:f2} G elements/s"));
}

static double Best(Func<Tensor> work)
{
    var best = double.PositiveInfinity;
    var end = Stopwatch.GetTimestamp() + Stopwatch.Frequency;
    while (Stopwatch.GetTimestamp() < end)
    {
        var start = Stopwatch.GetTimestamp();
        work().Dispose();
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    return best;
}
