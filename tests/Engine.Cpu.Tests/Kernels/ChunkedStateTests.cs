using Edifice.Engine.Backends;
using Edifice.Engine.Ops;
using FsCheck.Xunit;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>The fused chunkwise kernels beside the same maths composed of tensor ops, and beside the steps: values and the gradients of
/// every operand.</summary>
public class ChunkedStateTests
{
    /// <summary>Lengths around chunks and their parts; none is a multiple of all of them.</summary>
    private static readonly int[] s_lengths = [1, 2, 3, 7, 15, 16, 17, 31, 33, 48, 63, 64, 65, 81, 130];

    private static readonly int[] s_chunks = [1, 3, 16, 20, 64, 1000];

    private static readonly int[] s_widths = [1, 2, 3, 7, 8, 9, 16, 17, 31, 33, 40];

    public enum Decays { None, PerHead, Log, Strong, Gate, Delta, StrongDelta }

    private sealed record Case(MatrixStateSpec Spec, Tensor?[] Inputs, Tensor DOut, Tensor? DFinal);

    private static Case Make(Decays decays, byte l, byte c, byte wk, byte wv, byte h, bool initial, bool final, bool strided, int seed, DType dtype)
    {
        int batch = 1 + h % 2, heads = 1 + h % 3, length = s_lengths[l % s_lengths.Length], chunk = s_chunks[c % s_chunks.Length];
        int dk = s_widths[wk % s_widths.Length], dv = s_widths[wv % s_widths.Length];
        var g = new Generator((ulong)(uint)seed);
        Tensor Normal(params int[] shape) => Tensor.Randn(shape, DType.Float64, generator: g);
        // Non-contiguous: heads before time in memory.
        Tensor Vectors(int width) => strided ? Normal(batch, heads, length, width).Transpose(1, 2) : Normal(batch, length, heads, width);
        Tensor q = Vectors(dk), k = Vectors(dk) * Math.Pow(dk, -0.5), v = Vectors(dv);
        Tensor? decay = null, a = null, b = null;
        var kind = StateDecayKind.None;
        double[]? factors = null;
        switch (decays)
        {
            case Decays.None:
                break;
            case Decays.PerHead:
                kind = StateDecayKind.PerHead;
                factors = ((double[])[0.9, 0, 1])[..heads];
                break;
            case Decays.Gate:
                // Gates of exactly 0 and 1 among them.
                kind = StateDecayKind.Gate;
                decay = ((Vectors(dk) * 3).Sigmoid() * 4).Round() * 0.25;
                break;
            default:
                kind = StateDecayKind.Log;
                // From no decay at all to far below the last digit.
                decay = -(Vectors(dk) * (decays is Decays.Strong or Decays.StrongDelta ? 3 : 0.5)).Exp();
                break;
        }

        if (decays is Decays.Delta or Decays.StrongDelta)
        {
            var unit = Vectors(dk);
            unit /= unit.Norm(2, [-1], keepdim: true);
            (a, b) = (-unit, unit * Vectors(dk).Sigmoid());
        }

        Tensor?[] inputs = [q, k, v, decay, a, b, initial ? Normal(batch, heads, dk, dv) : null];
        return new Case(new MatrixStateSpec(kind, factors, 0.7, chunk), [.. inputs.Select(x => x?.To(dtype))],
            Normal(batch, length, heads, dv).To(dtype), final ? Normal(batch, heads, dk, dv).To(dtype) : null);
    }

    /// <summary>Output, final state and the gradients of all operands, by one way of computing.</summary>
    private static Tensor[] All(Case c, Func<Tensor?[], (Tensor Output, Tensor FinalState)> run)
    {
        var leaves = c.Inputs.Select(x => x?.Detach().RequiresGrad()).ToArray();
        var (output, final) = run(leaves);
        var loss = (output * c.DOut).Sum();
        if (c.DFinal is not null) loss += (final * c.DFinal).Sum();
        loss.Backward();
        return [output.Detach(), final.Detach(), .. leaves.OfType<Tensor>().Select(x => x.Grad!)];
    }

    private static Tensor[] Fused(Case c) => All(c, x => MatrixState.Run("test", c.Spec, x[0]!, x[1]!, x[2]!, x[3], x[4], x[5], x[6]));

    private static Tensor[] Steps(Case c) => All(c, x => MatrixState.Steps(c.Spec, x[0]!, x[1]!, x[2]!, x[3], x[4], x[5], x[6]));

    private static Tensor[] Composed(Case c) => All(c, x => x[4] is null
        ? ChunkedState.Run(c.Spec, x[0]!, x[1]!, x[2]!, x[3], x[6], c.Spec.Chunk, subChunk: 5)
        : ChunkedDelta.Run(c.Spec, x[0]!, x[1]!, x[2]!, x[3], x[4]!, x[5]!, x[6], c.Spec.Chunk));

    /// <summary>Relative to the largest element of each tensor.</summary>
    private static void Near(Tensor[] expected, Tensor[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].Shape, actual[i].Shape);
            double[] e = expected[i].Doubles(), a = actual[i].Doubles();
            var size = e.Length == 0 ? 0 : e.Max(Math.Abs);
            for (var j = 0; j < e.Length; j++)
                Assert.True(Math.Abs(e[j] - a[j]) <= tolerance * (1 + size), $"result {i}, element {j}: {a[j]:G17}, expected {e[j]:G17}, largest {size:G3}");
        }
    }

    [Property(MaxTest = 150)]
    public void Values_and_gradients_equal_those_of_the_steps(
        Decays decays, byte l, byte c, byte wk, byte wv, byte h, bool initial, bool final, bool strided, int seed)
    {
        var x = Make(decays, l, c, wk, wv, h, initial, final, strided, seed, DType.Float64);
        Near(Steps(x), Fused(x), 1e-12);
    }

    [Property(MaxTest = 60)]
    public void Values_and_gradients_equal_those_of_the_composed_chunks(
        Decays decays, byte l, byte c, byte wk, byte wv, byte h, bool initial, bool final, bool strided, int seed)
    {
        // Gates go through logarithms there, which a gate of 0 does not have.
        if (decays == Decays.Gate) decays = Decays.Log;
        var x = Make(decays, l, c, wk, wv, h, initial, final, strided, seed, DType.Float64);
        Near(Composed(x), Fused(x), 1e-11);
    }

    [Property(MaxTest = 60)]
    public void Float32_stays_close_to_Float64(Decays decays, byte l, byte c, byte wk, byte wv, byte h, bool initial, bool final, bool strided, int seed)
    {
        var single = Make(decays, l, c, wk, wv, h, initial, final, strided, seed, DType.Float32);
        var exact = single with { Inputs = [.. single.Inputs.Select(x => x?.To(DType.Float64))], DOut = single.DOut.To(DType.Float64), DFinal = single.DFinal?.To(DType.Float64) };
        Near(Steps(exact), Fused(single), 2e-5);
    }

    [Theory]
    [InlineData(float.NegativeInfinity)]
    [InlineData(-1000f)]
    [InlineData(-50f)]
    [InlineData(-1e-30f)]
    [InlineData(0f)]
    public void Any_log_decay_gives_the_numbers_of_the_steps(float decay)
    {
        var x = Make(Decays.Log, 9, 4, 6, 6, 1, true, true, false, 5, DType.Float32);
        var g = x.Inputs[3]!;
        // Every other step and channel.
        var mask = Tensor.FromArray([.. Enumerable.Range(0, (int)g.Count).Select(i => i % 3 == 0)], g.Layout.Dims);
        var inputs = x.Inputs.ToArray();
        inputs[3] = Tensor.Where(mask, Tensor.Full(g.Layout.Dims, decay), g);
        x = x with { Inputs = inputs };
        var steps = All(x, y => MatrixState.Run("test", x.Spec with { Chunk = 0 }, y[0]!, y[1]!, y[2]!, y[3], y[4], y[5], y[6]));
        var fused = Fused(x);
        foreach (var r in fused) Assert.All(r.ToArray<float>(), e => Assert.True(float.IsFinite(e)));
        Near(steps, fused, 1e-5);
    }

    [Fact]
    public void A_batch_of_none_gives_empty_results()
    {
        var x = Tensor.Zeros([0, 20, 2, 3], DType.Float64).RequiresGrad();
        var (output, final) = MatrixState.Run("test", new MatrixStateSpec(StateDecayKind.Log, null, 1, 16), x, x, x, x, x, x, null);
        Assert.Equal<Shape>(new[] { 0, 20, 2, 3 }, output.Shape);
        Assert.Equal<Shape>(new[] { 0, 2, 3, 3 }, final.Shape);
        (output.Sum() + final.Sum()).Backward();
        Assert.Equal(x.Shape, x.Grad!.Shape);
    }

    [Fact]
    public void A_gradient_of_a_decay_that_nothing_depends_on_is_exactly_zero()
    {
        // One step from no state, and the first of many.
        foreach (var length in new[] { 1, 20 })
        {
            var g = new Generator(3);
            Tensor Normal() => Tensor.Randn([1, length, 2, 5], generator: g);
            var decay = (-Normal().Exp()).RequiresGrad();
            MatrixState.Run("test", new MatrixStateSpec(StateDecayKind.Log, null, 1, 16), Normal(), Normal(), Normal(), decay, null, null, null).Output.Sum().Backward();
            Assert.All(decay.Grad!.Select(1, 0).ToArray<float>(), e => Assert.Equal(0, e));
        }
    }
}
