using Edifice.Engine;
using Edifice.Nn;
using FsCheck.Xunit;

namespace Edifice.Tests.Nn;

public class StateDictTests
{
    [Property(MaxTest = 20)]
    public void A_loaded_model_computes_the_same_bits_as_the_one_it_was_loaded_from(uint seed, uint other)
    {
        SmallModel source = new(seed), target = new(other);
        target.LoadStateDict(source.StateDict());
        Agreement.Bits(source.StateDict(), target.StateDict());
        source.Eval();
        target.Eval();
        Agreement.Bits(source.Forward(ModuleTests.Index), target.Forward(ModuleTests.Index), "output");
    }

    [Fact]
    public void Loading_its_own_state_changes_nothing()
    {
        var model = new SmallModel(3);
        var before = Agreement.Snapshot(model.StateDict());
        model.LoadStateDict(model.StateDict());
        Agreement.Bits(before, model.StateDict());
    }

    [Fact]
    public void Loading_writes_in_place_and_copies()
    {
        SmallModel source = new(1), target = new(2);
        var storage = target.Parameters()[0].Value.Storage;
        target.LoadStateDict(source.StateDict());
        Assert.Same(storage, target.Parameters()[0].Value.Storage);
        source.Parameters()[0].Set(source.Parameters()[0].Value.ZerosLike());
        Assert.Contains(target.Parameters()[0].Value.ToArray<float>(), v => v != 0);
    }

    [Fact]
    public void A_state_that_does_not_fit_names_every_problem_and_changes_nothing()
    {
        var model = new SmallModel(1);
        var before = Agreement.Snapshot(model.StateDict());
        var state = Agreement.Snapshot(new SmallModel(2).StateDict());
        state["head.weigth"] = state["head.weight"];
        state.Remove("head.weight");
        state["final_norm.weight"] = Tensor.Zeros([9]);
        state["scale"] = Tensor.Arange(1);
        var error = Assert.Throws<TensorException>(() => model.LoadStateDict(state));
        Assert.Contains("missing: head.weight [5, 8]", error.Message, StringComparison.Ordinal);
        Assert.Contains("unexpected: head.weigth [5, 8] (did you mean 'head.weight'?)", error.Message, StringComparison.Ordinal);
        Assert.Contains("final_norm.weight is Float32 [9] in the state and Float32 [8] in the module", error.Message, StringComparison.Ordinal);
        Assert.Contains("scale is Int64 [1] in the state", error.Message, StringComparison.Ordinal);
        Agreement.Bits(before, model.StateDict());
    }

    [Fact]
    public void Without_strictness_what_matches_is_loaded_and_the_rest_reported()
    {
        var model = new SmallModel(1);
        var head = model.StateDict()["head.weight"].ToArray<float>();
        var state = Agreement.Snapshot(new SmallModel(2).StateDict());
        state.Remove("head.weight");
        state["more"] = Tensor.Zeros([1]);
        var (missing, unexpected) = model.LoadStateDict(state, strict: false);
        Assert.Equal(["head.weight"], missing);
        Assert.Equal(["more"], unexpected);
        Assert.Equal(head, model.StateDict()["head.weight"].ToArray<float>());
        Agreement.Bits(state["embed.weight"], model.StateDict()["embed.weight"], "embed.weight");
    }

    [Fact]
    public void Floating_dtypes_convert_on_loading()
    {
        SmallModel narrow = new(1), wide = new(2, DType.Float64);
        wide.LoadStateDict(narrow.StateDict());
        Assert.Equal(
            narrow.StateDict()["head.weight"].ToArray<float>().Select(v => (double)v), wide.StateDict()["head.weight"].ToArray<double>());
    }

    [Fact]
    public void A_file_brings_back_every_bit()
    {
        using var folder = new TemporaryFolder();
        SmallModel source = new(1), target = new(2);
        source.Save(folder.At("model.safetensors"), [new("made_by", "a test")]);
        target.Load(folder.At("model.safetensors"));
        Agreement.Bits(source.StateDict(), target.StateDict());
        Assert.Equal(["model.safetensors"], folder.Names());
        var error = Assert.Throws<TensorException>(() => new Linear(2, 3).Load(folder.At("model.safetensors")));
        Assert.Contains("and 12 more", error.Message, StringComparison.Ordinal);
    }
}
