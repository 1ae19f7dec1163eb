using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Nn;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Edifice.Tests.Nn;

public class LayerTests
{
    private static readonly ParameterOptions s_float64 = new() { DType = DType.Float64 };

    [Fact]
    public void Linear_multiplies_by_the_transposed_weight_adds_the_bias_and_activates()
    {
        var layer = new Linear(3, 2, activation: Activation.Relu, options: s_float64);
        layer.Weight.Set(Tensor.FromArray(new double[,] { { 1, 2, 3 }, { -1, -1, -1 } }));
        layer.Bias!.Set(Tensor.FromArray(new[] { 0.5, 1 }));
        Assert.Equal([14.5, 0], layer.Forward(Tensor.FromArray(new double[,] { { 1, 2, 3 } })).ToArray<double>());
        Assert.Equal([0.5, 1], layer.Forward(Tensor.Zeros([3], DType.Float64)).ToArray<double>());
        Assert.Null(new Linear(3, 2, bias: false).Bias);
        Assert.Throws<TensorException>(() => layer.Forward(Tensor.Zeros([1, 4], DType.Float64)));
    }

    [Fact]
    public void Embedding_looks_rows_up_and_its_padding_row_is_zero_and_stays()
    {
        var table = new Embedding(4, 2, paddingIndex: 1, options: s_float64);
        var rows = table.Forward(Tensor.FromArray(new long[,] { { 3, 1 }, { 1, 0 } }));
        Assert.Equal([2, 2, 2], rows.Shape.AsSpan().ToArray());
        Assert.Equal([0.0, 0], rows[0, 1].ToArray<double>());
        Assert.Equal(table.Weight.Value[3].ToArray<double>(), rows[0, 0].ToArray<double>());
        rows.Sum().Backward();
        Assert.Equal([1.0, 1, 0, 0, 0, 0, 1, 1], table.Weight.Grad!.ToArray<double>());
        Assert.Throws<TensorException>(() => new Embedding(4, 2, paddingIndex: 4));
    }

    [Fact]
    public void Norms_by_name_have_the_parameters_of_their_kind()
    {
        var layer = Norm.Create("layer", 4);
        Assert.Equal(["weight", "bias"], layer.StateDict().Keys);
        Assert.Equal(1e-5, ((LayerNorm)layer).Eps);
        var rms = Norm.Create("rms", 4);
        Assert.Equal(["weight"], rms.StateDict().Keys);
        Assert.Equal(1e-6, ((RmsNorm)rms).Eps);
        Assert.Equal(1e-3, ((RmsNorm)Norm.Create("rms", 4, 1e-3)).Eps);
        Assert.Contains("layer or rms", Assert.Throws<TensorException>(() => Norm.Create("batch", 4)).Message, StringComparison.Ordinal);
        Assert.Throws<TensorException>(() => new RmsNorm(4, eps: 0));
    }

    [Fact]
    public void Normalised_rows_have_mean_zero_and_mean_square_one()
    {
        var x = Tensor.Randn([5, 64], DType.Float64, 3, 2, new Generator(1));
        foreach (var row in Rows(new LayerNorm(64, options: s_float64).Forward(x)))
        {
            Assert.Equal(0, row.Average(), 1e-12);
            Assert.Equal(1, row.Average(v => v * v), 1e-4);
        }

        foreach (var row in Rows(new RmsNorm(64, options: s_float64).Forward(x))) Assert.Equal(1, row.Average(v => v * v), 1e-6);
        var grouped = new GroupNorm(2, 8, options: s_float64).Forward(x.Reshape(5, 8, 8));
        foreach (var group in Rows(grouped.Reshape(10, 32))) Assert.Equal(0, group.Average(), 1e-12);
        Assert.Throws<TensorException>(() => new GroupNorm(3, 8));
    }

    [Fact]
    public void Dropout_keeps_the_mean_drops_in_training_only_and_repeats_with_its_stream()
    {
        var x = Tensor.Ones([200, 200], DType.Float64);
        var dropout = new Dropout(0.3);
        Generator.Seeded(5);
        var y = dropout.Forward(x).ToArray<double>();
        Assert.NotEqual(y, dropout.Forward(x).ToArray<double>());
        Generator.Seeded(5);
        Assert.Equal(y, dropout.Forward(x).ToArray<double>());
        Assert.All(y, v => Assert.True(v == 0 || Math.Abs(v - 1 / 0.7) < 1e-15));
        Assert.Equal(1, y.Average(), 0.02);
        dropout.Eval();
        Assert.Same(x, dropout.Forward(x));
        Assert.Throws<TensorException>(() => new Dropout(1));
    }

    [Fact]
    public void Feed_forwards_have_the_names_and_biases_of_their_kind()
    {
        Assert.Equal(["up.weight", "up.bias", "down.weight", "down.bias"], FeedForward.Create("mlp", 4, 6).StateDict().Keys);
        Assert.Equal(["gate.weight", "up.weight", "down.weight"], FeedForward.Create("gated", 4, 6).StateDict().Keys);
        Assert.Throws<TensorException>(() => FeedForward.Create("moe", 4, 6));
        Assert.Throws<TensorException>(() => new MlpFeedForward(4, 0));
    }

    [Theory]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.GeluTanh)]
    public void Feed_forwards_compute_their_equations(Activation activation)
    {
        var x = Tensor.Randn([2, 3, 4], DType.Float64, generator: new Generator(2));
        Func<Tensor, Tensor> act = activation switch
        {
            Activation.Gelu => v => v.Gelu(),
            Activation.Silu => v => v.Silu(),
            _ => v => v.GeluTanh(),
        };
        var mlp = new MlpFeedForward(4, 6, activation, options: s_float64);
        Close(Affine(act(Affine(x, mlp.Up)), mlp.Down), mlp.Forward(x));
        var gated = new GatedFeedForward(4, 6, activation, bias: true, options: s_float64);
        Close(Affine(act(Affine(x, gated.Gate)) * Affine(x, gated.Up), gated.Down), gated.Forward(x));
    }

    [Property(MaxTest = 30)]
    public Property A_convolution_over_pieces_is_the_convolution_over_the_whole() => Prop.ForAll(
        (from kernel in Gen.Choose(1, 5) from cut in Gen.Choose(0, 9) from seed in Gen.Choose(0, 99) select (kernel, cut, seed)).ToArbitrary(),
        c =>
        {
            var conv = new CausalConv1d(3, c.kernel, options: s_float64);
            var x = Tensor.Randn([2, 9, 3], DType.Float64, generator: new Generator((ulong)c.seed));
            var whole = conv.Forward(x);
            var state = conv.InitialState(2);
            var pieces = new List<Tensor>();
            if (c.cut > 0)
            {
                (var piece, state) = conv.Forward(x.Narrow(1, 0, c.cut), state);
                pieces.Add(piece);
            }

            for (var t = c.cut; t < 9; t++)
            {
                (var one, state) = conv.Step(x.Select(1, t), state);
                pieces.Add(one.Unsqueeze(1));
            }

            Close(whole, Tensor.Cat([.. pieces], 1));
        });

    [Fact]
    public void Rotations_keep_lengths_and_see_only_distances()
    {
        var rope = new RotaryEmbedding(8);
        Tensor q = Tensor.Randn([1, 1, 1, 8], DType.Float64, generator: new Generator(1)), k = Tensor.Randn([1, 1, 1, 8], DType.Float64, generator: new Generator(2));
        Assert.Equal(q.Norm().Item(), rope.Forward(q, 37).Norm().Item(), 1e-12);
        double Score(int i, int j) => (rope.Forward(q, i) * rope.Forward(k, j)).Sum().Item();
        Assert.Equal(Score(5, 2), Score(105, 102), 1e-10);
        Assert.NotEqual(Score(5, 2), Score(5, 3), 1e-3);
        Assert.Throws<TensorException>(() => new RotaryEmbedding(7));
        Assert.Throws<TensorException>(() => new RotaryEmbedding(8, 1));
        Assert.Throws<TensorException>(() => new RotaryEmbedding(8, rotaryWidth: 10));
    }

    private static Tensor Affine(Tensor x, Linear map)
    {
        var y = x.MatMul(map.Weight.Value.Transpose());
        return map.Bias is null ? y : y + map.Bias.Value;
    }

    private static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Agreement.Outputs(expected.ToArray<double>(), actual.ToArray<double>(), DType.Float64, "layer");
    }

    private static IEnumerable<double[]> Rows(Tensor x) => x.ToArray<double>().Chunk(x.Size(-1));
}
