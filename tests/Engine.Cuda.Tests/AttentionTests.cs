using Edifice.Engine.Backends;
using FsCheck.Xunit;

namespace Edifice.Engine.Cuda.Tests;

public class AttentionTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, 1, 1, 1)]
    [InlineData(2, 5, 7, 2, 1, 4, 3)]
    [InlineData(1, 33, 40, 1, 2, 8, 33)]
    [InlineData(1, 32, 32, 2, 2, 64, 32)]
    [InlineData(1, 3, 70, 1, 1, 65, 70)]
    [InlineData(1, 70, 3, 1, 1, 33, 40)]
    [InlineData(1, 3, 5, 1, 1, 130, 140)]
    [InlineData(1, 2, 35, 1, 1, 256, 256)]
    [InlineData(1, 3, 0, 1, 1, 4, 4)]
    [InlineData(1, 0, 3, 1, 1, 4, 4)]
    [InlineData(0, 3, 3, 1, 1, 4, 4)]
    public void Heads_of_any_shape_are_the_cpus_forward_and_backward(int batch, int queries, int keys, int keyHeads, int sharing, int width, int valueWidth)
    {
        foreach (var type in KernelPair.Floats)
            foreach (var options in new[] { 0, Causal | Alibi, Masked | Segmented | Causal })
                Agree(type, new(batch, queries, keys, keyHeads, sharing, width, valueWidth, options, 7, keys - queries, options + 3));
    }

    [Property(MaxTest = 25)]
    public void Random_attention_is_the_cpus(byte queries, byte keys, byte heads, byte width, byte valueWidth, sbyte offset, int seed) =>
        Agree(DType.Float32, new(
            1 + (seed & 1), 1 + queries % 45, 1 + keys % 75, 1 + heads % 2, 1 + heads / 2 % 3, 1 + width % 40, 1 + valueWidth % 40,
            (seed >> 1) & 63, 1 + (seed >> 7) % 40, offset / 3, seed));

    [Fact]
    public void What_a_query_must_not_see_does_not_reach_it_whatever_it_holds()
    {
        foreach (var type in KernelPair.Floats)
        {
            Operand q = Operand.Normal(1, 1, 1, 40, 1, 8), k = Operand.Normal(2, 1, 1, 40, 1, 8), v = Operand.Normal(3, 1, 1, 40, 1, 8);
            var odd = new[] { (39 * 8 + 2, double.NaN), (38 * 8, double.PositiveInfinity) };
            AttentionSpec spec = new(true, 0, false, 0.3, 0);
            var plain = Outputs(q, k, v);
            var poisoned = Outputs(q, k.With(odd), v.With(odd));
            Assert.Equal(plain.AsSpan(0, 38 * 8).ToArray(), poisoned.AsSpan(0, 38 * 8).ToArray());

            double[] Outputs(Operand q, Operand k, Operand v)
            {
                Tensor[] x = [.. new[] { q, k, v }.Select(o => o.Build(type, TestCard.Device, 0))];
                var output = Tensor.Allocate([1, 40, 1, 8], type, TestCard.Device);
                var lse = Tensor.Allocate([1, 40, 1], type, TestCard.Device);
                BackendRegistry.For(TestCard.Device).Attention(spec, x[0], x[1], x[2], null, null, null, output, lse);
                return output.To(DType.Float64).To(Device.Cpu).ToArray<double>();
            }
        }
    }

    private const int Causal = 1, Windowed = 2, Alibi = 4, Masked = 8, Segmented = 16, WithoutDlse = 32;

    private sealed record Case(
        int Batch, int Queries, int Keys, int KeyHeads, int Sharing, int Width, int ValueWidth, int Options, int Window, int Offset, int Seed)
    {
        public bool Has(int option) => (Options & option) != 0;
    }

    private static void Agree(DType type, Case c)
    {
        int heads = c.KeyHeads * c.Sharing;
        var spec = new AttentionSpec(c.Has(Causal), c.Has(Windowed) && c.Has(Causal) ? c.Window : 0, c.Has(Alibi), 0.8 / Math.Sqrt(c.Width), c.Offset);
        Strided q = new(c.Seed, c.Batch, c.Queries, heads, c.Width), k = new(c.Seed + 1, c.Batch, c.Keys, c.KeyHeads, c.Width), v = new(c.Seed + 2, c.Batch, c.Keys, c.KeyHeads, c.ValueWidth);
        int[] outs = [c.Batch, c.Queries, heads, c.ValueWidth], lses = [c.Batch, c.Queries, heads];
        var mask = c.Has(Masked) ? Operand.Whole(c.Seed + 3, DType.Bool, 3, c.Batch, c.Keys) : null;
        var querySegments = c.Has(Segmented) ? Operand.Whole(c.Seed + 4, DType.Int32, 3, c.Batch, c.Queries) : null;
        var keySegments = c.Has(Segmented) ? Operand.Whole(c.Seed + 5, DType.Int32, 3, c.Batch, c.Keys) : null;
        Operand?[] inputs = [q.Values, k.Values, v.Values, mask, querySegments, keySegments, Operand.Normal(c.Seed + 6, 1, outs),
            c.Has(WithoutDlse) ? null : Operand.Normal(c.Seed + 7, 1, lses)];
        KernelPair.Agree(type, 64, 2, inputs, [outs, lses],
            (b, i, r) => b.Attention(spec, q.View(i[0]!), k.View(i[1]!), v.View(i[2]!), i[3], i[4], i[5], r[0]!, r[1]!));

        // Each side goes on from its own forward pass. Errors of weights enter times the largest product of cotangents and values.
        var scale = 4 * Math.Sqrt(c.ValueWidth) * Math.Sqrt(Math.Max(1, c.Queries * c.Sharing));
        KernelPair.Agree(type, 64, scale, inputs, [q.Dims, k.Dims, v.Dims], (b, i, r) =>
        {
            using Tensor output = Tensor.Allocate(Layout.Contiguous(outs), type, i[0]!.Device), lse = Tensor.Allocate(Layout.Contiguous(lses), type, i[0]!.Device);
            Tensor x = q.View(i[0]!), y = k.View(i[1]!), z = v.View(i[2]!);
            b.Attention(spec, x, y, z, i[3], i[4], i[5], output, lse);
            b.AttentionVjp(spec, i[6]!, i[7], x, y, z, i[3], i[4], i[5], output, lse, r[0]!, r[1]!, r[2]!);
        });
    }

    /// <summary>Vectors of heads that lie in another order in memory, with gaps: unit stride on the last axis alone.</summary>
    private sealed class Strided
    {
        private readonly int[] _order;
        private readonly int _gap;

        public Strided(int seed, params int[] dims)
        {
            var random = new Random(seed);
            Dims = dims;
            _gap = random.Next(3);
            _order = random.Next(4) switch { 0 => [0, 2, 1, 3], 1 => [1, 0, 2, 3], 2 => [2, 1, 0, 3], _ => [0, 1, 2, 3] };
            Values = Operand.Normal(seed, 1, dims[_order[0]], dims[_order[1]], dims[_order[2]], dims[3] + _gap);
        }

        public int[] Dims { get; }

        public Operand Values { get; }

        /// <summary>The vectors in the tensor built from <see cref="Values"/>.</summary>
        public Tensor View(Tensor memory) => memory[.., .., .., ..Dims[3]].Permute(_order);
    }
}
