using Edifice.Engine;
using FsCheck.Xunit;

namespace Edifice.Attention.Tests.Laws;

/// <summary>What the papers say the mechanisms are to one another.</summary>
public class PublishedLawTests
{
    private const double Tolerance = 1e-10;

    private static Tensor Normal(Generator g, params int[] shape) => Tensor.Randn(shape, DType.Float64, generator: g);

    private static (int B, int L, int H, int D) Sizes(byte seed) => (1 + seed % 2, 1 + seed % 23, 1 + seed % 3, 1 + seed % 5);

    private static void Equal(Tensor expected, Tensor actual, double tolerance = Tolerance)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        double[] e = expected.ToArray<double>(), a = actual.ToArray<double>();
        for (var i = 0; i < e.Length; i++)
            Assert.True(Math.Abs(e[i] - a[i]) <= tolerance * (1 + Math.Abs(e[i])), $"element {i}: {a[i]:G17}, expected {e[i]:G17}");
    }

    [Property(MaxTest = 40)]
    public void Linear_attention_is_its_dense_form(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d).Elu1(), k = Normal(g, b, l, h, d).Elu1(), v = Normal(g, b, l, h, d + 1);
        var scores = Tensor.Einsum("bqhd,bkhd->bhqk", q, k).Tril();
        var dense = Tensor.Einsum("bhqk,bkhe->bqhe", scores, v) / (scores.Sum(-1).Transpose(1, 2) + 1e-6).Unsqueeze(-1);
        Equal(dense, Tensor.LinearAttention(q, k, v).Output);
    }

    [Property(MaxTest = 40)]
    public void Retention_that_does_not_fade_is_linear_attention_without_its_normaliser(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d), k = Normal(g, b, l, h, d), v = Normal(g, b, l, h, d);
        var one = Enumerable.Repeat(1.0, h).ToArray();
        foreach (var mode in Enum.GetValues<RecurrenceMode>())
            Equal(Tensor.LinearAttention(q, k, v, normalize: false).Output, Tensor.Retention(q, k, v, one, mode: mode, chunkSize: 1 + seed % 7).Output);
    }

    [Property(MaxTest = 40)]
    public void Gated_linear_attention_with_log_decay_zero_is_linear_attention_without_its_normaliser(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d), k = Normal(g, b, l, h, d), v = Normal(g, b, l, h, d);
        Equal(Tensor.LinearAttention(q, k, v, normalize: false).Output, Tensor.GatedLinearAttention(q, k, v, q.ZerosLike(), 1).Output);
    }

    [Property(MaxTest = 40)]
    public void Gated_linear_attention_with_one_decay_everywhere_is_retention(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d), k = Normal(g, b, l, h, d), v = Normal(g, b, l, h, d);
        var gamma = Enumerable.Range(0, h).Select(i => 0.3 + 0.2 * i).ToArray();
        var log = Tensor.FromArray(gamma).Log().Reshape(1, 1, h, 1).Expand(b, l, h, d);
        Equal(Tensor.Retention(q, k, v, gamma).Output, Tensor.GatedLinearAttention(q, k, v, log, 1).Output);
    }

    [Property(MaxTest = 40)]
    public void Chunk_sizes_and_modes_do_not_matter(byte seed, byte chunk, byte sub)
    {
        int b = 1 + seed % 2, l = 1 + seed % 70, h = 1 + seed % 2, d = 1 + seed % 4;
        int c = 1 + chunk % 40, s = 1 + sub % 9;
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d), k = Normal(g, b, l, h, d), v = Normal(g, b, l, h, d + 2), start = Normal(g, b, h, d, d + 2);
        // Decays from none at all to far below the last digit.
        var log = -(Normal(g, b, l, h, d) * 3).Exp();
        foreach (var mode in (RecurrenceMode[])[RecurrenceMode.Chunkwise, RecurrenceMode.Parallel])
        {
            var (o, final) = Tensor.GatedLinearAttention(q, k, v, log, 0.5, start);
            var (oc, fc) = Tensor.GatedLinearAttention(q, k, v, log, 0.5, start, mode, c, s);
            Equal(o, oc);
            Equal(final, fc);
        }

        Tensor a = Normal(g, b, l, h, d) * 0.3, r = Normal(g, b, l, h, d) * 0.3;
        var (w, wf) = Tensor.Wkv7(q, log, k, v, a, r, start);
        var (wc, wcf) = Tensor.Wkv7(q, log, k, v, a, r, start, RecurrenceMode.Chunkwise, c);
        Equal(w, wc, 1e-8);
        Equal(wf, wcf, 1e-8);
    }

    [Property(MaxTest = 40)]
    public void Wkv7_that_removes_nothing_is_a_decayed_linear_attention(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d), k = Normal(g, b, l, h, d), v = Normal(g, b, l, h, d), log = -Normal(g, b, l, h, d).Abs();
        Equal(Tensor.GatedLinearAttention(q, k, v, log, 1).Output, Tensor.Wkv7(q, log, k, v, q.ZerosLike(), Normal(g, b, l, h, d)).Output);
    }

    [Property(MaxTest = 25)]
    public void A_reset_in_Griffin_makes_two_separate_sequences(byte seed)
    {
        var g = new Generator(seed);
        int first = 1 + seed % 6, second = 1 + seed % 5;
        var block = Blocks.Build(
            "griffin", """{"embed_dim": 8, "hidden_size": 8, "num_layers": 3, "num_heads": 2, "expand_factor": 1, "local_attn_window": 4}""",
            new Nn.ParameterOptions { DType = DType.Float64, Generator = g });
        block.Eval();
        Tensor x = Normal(g, 2, first, 8), y = Normal(g, 2, second, 8);
        var reset = new bool[2 * (first + second)];
        reset[first] = reset[first + first + second] = true;
        var joined = block.ForwardSequence(Tensor.Cat([x, y], 1), new SequenceInputs { Reset = Tensor.FromArray(reset, [2, first + second]) });
        Equal(Tensor.Cat([block.ForwardSequence(x), block.ForwardSequence(y)], 1), joined);
    }

    [Property(MaxTest = 40)]
    public void The_real_Fourier_transform_is_linear_its_own_adjoint_and_the_difference_of_cosines_and_sines(byte seed)
    {
        int l = 1 + seed % 13, h = 1 + seed % 11;
        var g = new Generator(seed);
        Tensor x = Normal(g, 1, l, h), y = Normal(g, 1, l, h);
        Equal(x.Fft2Real() * 2 - y.Fft2Real(), (x * 2 - y).Fft2Real(), 1e-9);
        Assert.Equal((x.Fft2Real() * y).Sum().Item(), (x * y.Fft2Real()).Sum().Item(), 1e-8);
        Tensor Wave(int n, Func<double, double> f) => Tensor.FromArray(
            [.. Enumerable.Range(0, n * n).Select(i => f(2 * Math.PI * ((long)(i / n) * (i % n) % n) / n))], [n, n]);
        var direct = Wave(l, Math.Cos).MatMul(x).MatMul(Wave(h, Math.Cos)) - Wave(l, Math.Sin).MatMul(x).MatMul(Wave(h, Math.Sin));
        Equal(direct, x.Fft2Real(), 1e-9);
    }

    [Fact]
    public void The_estimate_of_the_softmax_kernel_converges_as_the_number_of_features_grows()
    {
        var g = new Generator(11);
        const int Width = 4;
        Tensor q = Normal(g, 1, 6, 1, Width) * 0.7, k = Normal(g, 1, 6, 1, Width) * 0.7, v = Normal(g, 1, 6, 1, 3);
        var exact = Tensor.Attention(q, k, v).Output;
        double Error(int features)
        {
            double sum = 0;
            for (ulong draw = 0; draw < 20; draw++)
            {
                var projection = Performer.Draw(
                    new PerformerOptions { EmbedDim = Width, HiddenSize = Width, NumHeads = 1, NumFeatures = features },
                    new Nn.ParameterOptions { DType = DType.Float64, Generator = new Generator(draw) });
                var phiQ = q.FavorFeatures(projection, FavorKernel.Softmax, true, KeyStabilizer.None, 1e-12);
                var phiK = k.FavorFeatures(projection, FavorKernel.Softmax, false, KeyStabilizer.None, 1e-12);
                sum += (Tensor.LinearAttention(phiQ, phiK, v, causal: false, eps: 0).Output - exact).Square().Mean().Item();
            }

            return Math.Sqrt(sum / 20);
        }

        // The error falls like 1/√m: sixteen times the features, about a quarter of the error.
        double few = Error(16), many = Error(16 * 16);
        Assert.InRange(many, few * 0.1, few * 0.45);
    }

    [Fact]
    public void The_rows_of_a_projection_are_orthogonal_inside_each_block()
    {
        var w = Performer.Draw(
            new PerformerOptions { EmbedDim = 12, HiddenSize = 12, NumHeads = 2, NumFeatures = 15, OrthoScaling = 1 },
            new Nn.ParameterOptions { DType = DType.Float64, Generator = new Generator(3) });
        for (var r = 0; r < 15; r += 6)
        {
            var rows = w.Narrow(0, r, Math.Min(6, 15 - r));
            Equal(Tensor.Eye(rows.Size(0), dtype: DType.Float64) * 6, rows.MatMul(rows.Transpose()), 1e-12);
        }
    }

    [Property(MaxTest = 30)]
    public void Nystrom_attention_with_a_landmark_for_every_position_is_softmax_attention(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d), k = Normal(g, b, l, h, d), v = Normal(g, b, l, h, d);
        Equal(Tensor.Attention(q, k, v).Output, Tensor.NystromAttention(q, k, v, l));
    }

    [Fact]
    public void The_iterative_pseudo_inverse_converges_to_the_inverse()
    {
        var g = new Generator(5);
        var a = Normal(g, 3, 4, 4) + Tensor.Eye(4, dtype: DType.Float64) * 3;
        Equal(Tensor.Eye(4, dtype: DType.Float64).Expand(3, 4, 4), a.MatMul(a.IterativePseudoInverse(60)), 1e-9);
    }

    [Property(MaxTest = 20)]
    public void Permuting_the_inputs_of_a_Perceiver_changes_nothing(byte seed)
    {
        var g = new Generator(seed);
        var block = Blocks.Build(
            "perceiver", """{"embed_dim": 6, "hidden_size": 8, "num_layers": 2, "num_latents": 3, "num_heads": 2, "ffn_mult": 1}""",
            new Nn.ParameterOptions { DType = DType.Float64, Generator = g });
        block.Eval();
        var x = Normal(g, 2, 1 + seed % 9, 6);
        var order = Tensor.Permutation(x.Size(1), g);
        Equal(block.Forward(x), block.Forward(x.IndexSelect(1, order)));
    }

    [Property(MaxTest = 30)]
    public void Normalised_linear_attention_of_a_constant_value_is_that_value(byte seed)
    {
        var (b, l, h, d) = Sizes(seed);
        var g = new Generator(seed);
        Tensor q = Normal(g, b, l, h, d).Elu1(), k = Normal(g, b, l, h, d).Elu1(), c = Tensor.Full([b, l, h, 2], 1.5, DType.Float64);
        Equal(c, Tensor.LinearAttention(q, k, c, eps: 0).Output);
        Equal(c, Tensor.LinearAttention(q, k, c, causal: false, eps: 0).Output);
    }
}
