using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda.Tests;

/// <summary>An operand: its elements, whatever their type, in double.</summary>
internal sealed record Operand(DType? Type, double[] Values, int[] Dims)
{
    /// <summary>Normal draws of the float type under test.</summary>
    public static Operand Normal(int seed, double scale, params int[] dims)
    {
        var random = new Random(seed);
        return Of(() => scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()), dims);
    }

    /// <summary>Numbers from low to high of the float type under test.</summary>
    public static Operand Uniform(int seed, double low, double high, params int[] dims)
    {
        var random = new Random(seed);
        return Of(() => low + (high - low) * random.NextDouble(), dims);
    }

    /// <summary>Whole numbers from 0 to below <paramref name="end"/>.</summary>
    public static Operand Whole(int seed, DType type, int end, params int[] dims)
    {
        var random = new Random(seed);
        return Of(() => random.Next(end), dims) with { Type = type };
    }

    /// <summary>These numbers, of the float type under test.</summary>
    public static Operand Of(double[] values, params int[] dims) => new(null, values, dims);

    /// <summary>With some of the elements replaced.</summary>
    public Operand With(params ReadOnlySpan<(int At, double Value)> changes)
    {
        var values = (double[])Values.Clone();
        foreach (var (at, value) in changes)
            if (at < values.Length) values[at] = value;
        return this with { Values = values };
    }

    private static Operand Of(Func<double> next, int[] dims)
    {
        var values = new double[dims.Aggregate(1, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++) values[i] = next();
        return new(null, values, dims);
    }

    /// <summary>A contiguous tensor whose first element lies <paramref name="offset"/> elements behind the start of its memory.</summary>
    public Tensor Build(DType type, Device device, int offset)
    {
        double[] padded = [.. new double[offset], .. Values];
        var flat = (Type ?? type) switch
        {
            DType.Float32 => Tensor.FromArray(padded.Select(v => (float)v).ToArray(), device),
            DType.Float64 => Tensor.FromArray(padded, device),
            DType.Int32 => Tensor.FromArray(padded.Select(v => (int)v).ToArray(), device),
            DType.Int64 => Tensor.FromArray(padded.Select(v => (long)v).ToArray(), device),
            _ => Tensor.FromArray(padded.Select(v => v != 0).ToArray(), device),
        };
        return flat[offset..].Reshape(Dims);
    }
}

/// <summary>A kernel of the contract on the card beside the CPU's.</summary>
internal static class KernelPair
{
    private static readonly AsyncLocal<Device?> s_card = new();

    /// <summary>Runs tests on another card than <see cref="TestCard"/>.</summary>
    public static void On(Device card, Action tests)
    {
        s_card.Value = card;
        try { tests(); }
        finally { s_card.Value = null; }
    }

    /// <summary>Both float types.</summary>
    public static readonly DType[] Floats = [DType.Float32, DType.Float64];

    /// <summary>Runs a kernel on both and holds the card's results to the CPU's: |difference| ≤ <paramref name="roundings"/> ε (|value| +
    /// <paramref name="scale"/>), NaN and infinities alike.</summary>
    /// <param name="type">The float type under test.</param>
    /// <param name="roundings">In units of the type's ε.</param>
    /// <param name="scale">What the terms of a sum that may cancel are as large as; 0 where none cancels.</param>
    /// <param name="inputs">Null: absent.</param>
    /// <param name="results">Their extents; null: absent.</param>
    /// <param name="call">The kernel on a backend's tensors.</param>
    /// <param name="offset">Elements before the first of each operand, so that it lies on no 16-byte border.</param>
    public static void Agree(
        DType type, double roundings, double scale, Operand?[] inputs, int[]?[] results, Action<IBackend, Tensor?[], Tensor?[]> call, int offset = 0)
    {
        var expected = Run(type, Device.Cpu, inputs, results, call, offset);
        var actual = Run(type, s_card.Value ?? TestCard.Device, inputs, results, call, offset);
        var epsilon = type == DType.Float32 ? Math.Pow(2, -23) : Math.Pow(2, -52);
        for (var r = 0; r < expected.Length; r++)
        {
            for (var i = 0; i < expected[r].Length; i++)
            {
                double a = expected[r][i], b = actual[r][i];
                if (a.Equals(b) || Math.Abs(a - b) <= roundings * epsilon * (Math.Abs(a) + scale)) continue;
                Assert.Fail($"{type}, result {r} [{string.Join(", ", results[r]!)}], element {i}: {b:r} on the card, {a:r} on the CPU ({Math.Abs(a - b) / epsilon / (Math.Abs(a) + scale):g3} ε)");
            }
        }
    }

    private static double[][] Run(
        DType type, Device device, Operand?[] inputs, int[]?[] results, Action<IBackend, Tensor?[], Tensor?[]> call, int offset)
    {
        var given = inputs.Select(x => x?.Build(type, device, offset)).ToArray();
        var made = results.Select(d => d is null ? null : Tensor.Allocate(Layout.Contiguous(d), type, device)).ToArray();
        call(BackendRegistry.For(device), given, made);
        return [.. made.Select(t => t is null ? [] : type == DType.Float32 ? t.ToArray<float>().Select(v => (double)v).ToArray() : t.ToArray<double>())];
    }
}
