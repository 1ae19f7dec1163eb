using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Autograd;

public class SavedTensorTests
{
    private static readonly Tensor s_x = Tensor.Rand([3, 4], DType.Float64, 0.2, 0.8, new Generator(1)).RequiresGrad();
    private static readonly Tensor s_z = Tensor.Rand([3, 4], DType.Float64, 0.2, 0.8, new Generator(2)).RequiresGrad();
    private static readonly Tensor s_v = Tensor.Rand([4], DType.Float64, 0.2, 0.8, new Generator(3)).RequiresGrad();

    private static readonly Dictionary<string, (int Count, Func<Tensor> Run)> s_ops = new()
    {
        ["add"] = (0, () => s_x + s_z),
        ["sub"] = (0, () => s_x - s_z),
        ["neg"] = (0, () => -s_x),
        ["mul"] = (2, () => s_x * s_z),
        ["div"] = (2, () => s_x / s_z),
        ["mul by a number"] = (0, () => s_x * 3),
        ["div by a number"] = (0, () => s_x / 3),
        ["number by it"] = (1, () => 3 / s_x),
        ["exp"] = (1, () => s_x.Exp()),
        ["log"] = (1, () => s_x.Log()),
        ["tanh"] = (1, () => s_x.Tanh()),
        ["sigmoid"] = (1, () => s_x.Sigmoid()),
        ["relu"] = (1, () => s_x.Relu()),
        ["gelu"] = (1, () => s_x.Gelu()),
        ["floor"] = (0, () => s_x.Floor()),
        ["sum"] = (0, () => s_x.Sum(1, keepdim: true)),
        ["mean"] = (0, () => s_x.Mean(1, keepdim: true)),
        ["max"] = (2, () => s_x.Max([1], keepdim: true)),
        ["cumsum"] = (0, () => s_x.CumSum(1)),
        ["reshape"] = (0, () => s_x.Reshape(4, 3)),
        ["transpose"] = (0, () => s_x.Transpose()),
        ["slice"] = (0, () => s_x.Slice(1, 1, 3)),
        ["expand"] = (0, () => s_v.Expand(3, 4)),
        ["cat"] = (0, () => Tensor.Cat([s_x, s_z])),
        ["where"] = (1, () => Tensor.Where(s_x > 0.5, s_x, s_z)),
        ["matmul"] = (2, () => s_x.MatMul(s_z.Transpose())),
        ["linear"] = (2, () => s_x.Linear(s_z, null)),
        ["softmax"] = (1, () => s_x.Softmax()),
        ["log_softmax"] = (1, () => s_x.LogSoftmax()),
        ["layer_norm"] = (4, () => s_x.LayerNorm(s_v, s_v)),
        ["rms_norm"] = (3, () => s_x.RmsNorm(s_v)),
        ["gated"] = (2, () => Tensor.Gated(Activation.Silu, s_x, s_z)),
        ["dropout"] = (0, () => s_x.Dropout(0.5)),
        ["gather"] = (1, () => s_x.Gather(1, Tensor.Zeros([3, 2], DType.Int64))),
        ["clone"] = (0, () => s_x.Clone()),
        ["cast"] = (0, () => s_x.To(DType.Float32)),
        ["fft2_real"] = (0, () => s_x.Unsqueeze(0).Fft2Real()),
    };

    public static TheoryData<string> Ops => [.. s_ops.Keys];

    [Theory]
    [MemberData(nameof(Ops))]
    public void An_op_keeps_what_its_rule_needs_and_no_more(string op)
    {
        var (count, run) = s_ops[op];
        Assert.Equal(count, run().Record!.Node!.SavedCount);
    }

    [Fact]
    public void A_kept_tensor_outlives_its_disposal_and_is_freed_with_the_graph()
    {
        var x = Tensor.FromArray([1.0, 2]).RequiresGrad();
        var h = x * 3;
        var memory = h.Storage;
        var y = h.Square();
        h.Dispose();
        Assert.True(memory.IsUnique);
        y.Sum().Backward();
        Assert.Equal([18.0, 36], x.Grad!.ToArray<double>());
    }

    [Fact]
    public void A_used_graph_holds_nothing()
    {
        var x = Tensor.FromArray([1.0, 2]).RequiresGrad();
        var h = x * 3;
        var y = (h.Square() * h.Exp()).Sum();
        Assert.False(h.Storage.IsUnique);
        y.Backward();
        Assert.True(h.Storage.IsUnique);
        Assert.True(x.Storage.IsUnique);
    }

    [Fact]
    public void A_write_between_the_passes_is_an_error_that_names_the_op()
    {
        var x = Tensor.FromArray([1.0, 2]).RequiresGrad();
        var h = x * 1;
        var y = h.Square();
        h.Detach().FillInPlace(5);
        var e = Assert.Throws<AutogradException>(() => y.Sum().Backward());
        Assert.Contains("square", e.Message, StringComparison.Ordinal);
        Assert.Contains("written in place", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_to_a_view_counts_for_the_whole_storage()
    {
        var x = Tensor.FromArray([1.0, 2, 3, 4]).RequiresGrad();
        var h = x * 1;
        var y = h.Narrow(0, 0, 2).Square();
        h.Detach().Narrow(0, 2, 2).FillInPlace(5);
        Assert.Throws<AutogradException>(() => y.Sum().Backward());
    }

    [Fact]
    public void A_write_to_what_no_rule_needs_is_no_error()
    {
        var x = Tensor.FromArray([1.0, 2]).RequiresGrad();
        var h = x * 1;
        var y = h + 1;
        h.Detach().FillInPlace(5);
        y.Sum().Backward();
        Assert.Equal([1.0, 1], x.Grad!.ToArray<double>());
    }

    [Fact]
    public void A_tensor_on_the_tape_is_not_written_in_place_while_recording()
    {
        var x = Tensor.FromArray([1.0, 2]).RequiresGrad();
        Assert.Throws<TensorException>(() => x.FillInPlace(1));
        Assert.Throws<TensorException>(() => (x * 2).AddInPlace(x.Detach()));
        using (Tensor.NoGrad()) x.FillInPlace(1);
        Assert.Equal([1.0, 1], x.ToArray<double>());
    }
}
