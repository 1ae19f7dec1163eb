using Edifice.Attention.Checkpoints;
using Edifice.Attention.Tests.Laws;
using Edifice.Engine;
using Edifice.Engine.Serialization;
using Edifice.Nn;

namespace Edifice.Attention.Tests.Checkpoints;

public class RoundTripTests
{
    public static TheoryData<string> Layouts => new(PublishedLayouts.All.Select(l => l.Name));

    public static TheoryData<string, DType> LayoutsAndTypes
    {
        get
        {
            var data = new TheoryData<string, DType>();
            foreach (var layout in PublishedLayouts.All)
                foreach (var dtype in (DType[])[DType.Float64, DType.Float32, DType.Float16, DType.BFloat16]) data.Add(layout.Name, dtype);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(LayoutsAndTypes))]
    public void Loading_and_writing_give_the_published_tensors_back_bit_by_bit(string layout, DType dtype)
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of(layout);
        var tensors = published.Tensors(dtype);
        MadeUpCheckpoint.Write(folder.At("published"), tensors, published.Config);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("published"), layout);
        var model = checkpoint.Load(new ParameterOptions { DType = dtype == DType.Float64 ? DType.Float64 : DType.Float32 });
        PublishedCheckpoint.Save(model, folder.At("written"), layout, dtype);
        using var written = SafetensorsFile.Open(folder.At("written/model.safetensors"));
        foreach (var (name, tensor) in tensors)
        {
            Assert.Equal(dtype, written.Tensors[name].DType);
            Near.Same(tensor, written.Read(name));
        }

        // What was not there is what the block determines.
        Assert.All(written.Tensors.Keys.Except(tensors.Keys), name => Assert.StartsWith("retnet_rel_pos.", name));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void What_was_written_reads_as_the_same_model(string layout)
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of(layout);
        MadeUpCheckpoint.Write(folder.At("published"), published.Tensors(), published.Config);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("published"), layout);
        PublishedCheckpoint.Save(checkpoint.Load(), folder.At("first"), layout);
        using var again = PublishedCheckpoint.Open(folder.At("first"), layout);
        Assert.Equal(checkpoint.Model, again.Model);
        PublishedCheckpoint.Save(again.Load(), folder.At("second"), layout);
        foreach (var file in (string[])["model.safetensors", "config.json"])
            Assert.Equal(File.ReadAllBytes(folder.At($"first/{file}")), File.ReadAllBytes(folder.At($"second/{file}")));
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void The_state_dict_is_that_of_the_loaded_model(string layout)
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of(layout);
        MadeUpCheckpoint.Write(folder.At("published"), published.Tensors(), published.Config);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("published"), layout);
        var loaded = checkpoint.Load().StateDict();
        var state = checkpoint.StateDict();
        Assert.Equal(loaded.Keys.Order(), state.Keys.Order());
        foreach (var (name, tensor) in loaded) Near.Same(tensor, state[name]);
    }

    [Fact]
    public void A_loaded_model_is_ready_to_generate_and_draws_nothing_on_the_way()
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of("fla-gla");
        MadeUpCheckpoint.Write(folder.At("published"), published.Tensors(), published.Config);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("published"), "fla-gla");
        Generator.Seeded(5);
        var before = Generator.Current.Save();
        var model = checkpoint.Load();
        Assert.Equal(before, Generator.Current.Save());
        Assert.Equal(4, model.Generate([1, 2], 4).Count());
    }

    [Fact]
    public void A_checkpoint_may_come_in_parts()
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of("fla-hgrn2");
        var tensors = published.Tensors();
        MadeUpCheckpoint.Write(folder.At("whole"), tensors, published.Config);
        Directory.CreateDirectory(folder.At("parts"));
        SafetensorsFile.Write(folder.At("parts/model-00001-of-00002.safetensors"), tensors.Take(7));
        SafetensorsFile.Write(folder.At("parts/model-00002-of-00002.safetensors"), tensors.Skip(7));
        using var whole = PublishedCheckpoint.Open(folder.At("whole"), "fla-hgrn2");
        using var parts = PublishedCheckpoint.Open(folder.At("parts"), "fla-hgrn2", published.Config);
        var state = parts.StateDict();
        foreach (var (name, tensor) in whole.StateDict()) Near.Same(tensor, state[name]);
        SafetensorsFile.Write(folder.At("parts/more.safetensors"), tensors.Take(1));
        var error = Assert.Throws<TensorException>(() => PublishedCheckpoint.Open(folder.At("parts"), "fla-hgrn2", published.Config));
        Assert.Contains("'model.embeddings.weight' is in", error.Message);
    }

    [Fact]
    public void A_file_alone_takes_its_config_from_the_caller()
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of("fla-hgrn2");
        MadeUpCheckpoint.Write(folder.At("x"), published.Tensors(), """{"expand_ratio": 2}""");
        var file = folder.At("x/model.safetensors");
        Assert.Contains("expand_ratio is missing", Assert.Throws<CheckpointException>(() => PublishedCheckpoint.Open(file, "fla-hgrn2")).Message);
        using var checkpoint = PublishedCheckpoint.Open(file, "fla-hgrn2", published.Config);
        Assert.Equal(4, ((HgrnOptions)checkpoint.Model.Options).StateExpansion);
    }

    [Fact]
    public void The_unused_value_residual_of_layer_0_is_dropped()
    {
        using var folder = new TemporaryFolder();
        var tensors = MadeUpCheckpoint.Of("rwkv7").Tensors();
        tensors.Add("blocks.0.att.v0", Tensor.Zeros([1, 1, 8]));
        tensors.Add("blocks.0.att.v1", Tensor.Zeros([8, 4]));
        tensors.Add("blocks.0.att.v2", Tensor.Zeros([4, 8]));
        MadeUpCheckpoint.Write(folder.At("x"), tensors, null);
        using var checkpoint = PublishedCheckpoint.Open(folder.At("x"), "rwkv7");
        Assert.DoesNotContain("blocks.0.att.v0", PublishedCheckpoint.Export(checkpoint.Load(), "rwkv7").Keys);
        Assert.Equal(1, ((RwkvOptions)checkpoint.Model.Options).VLoraDim);
    }

    [Fact]
    public void Token_shift_weights_may_be_stacked_as_in_older_files()
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of("fla-rwkv7");
        var tensors = published.Tensors();
        MadeUpCheckpoint.Write(folder.At("apart"), tensors, published.Config);
        for (var i = 0; i < 2; i++)
        {
            string[] names = [.. "rwkvag".Select(c => $"model.layers.{i}.attn.x_{c}")];
            tensors.Add($"model.layers.{i}.attn.x_x", Tensor.Stack([.. names.Select(n => tensors[n].Flatten())]));
            foreach (var name in names) tensors.Remove(name);
        }

        MadeUpCheckpoint.Write(folder.At("stacked"), tensors, published.Config);
        using var apart = PublishedCheckpoint.Open(folder.At("apart"), "fla-rwkv7");
        using var stacked = PublishedCheckpoint.Open(folder.At("stacked"), "fla-rwkv7");
        var state = stacked.StateDict();
        foreach (var (name, tensor) in apart.StateDict()) Near.Same(tensor, state[name]);
    }

    [Fact]
    public void A_tied_head_may_stand_in_the_file_as_well()
    {
        using var folder = new TemporaryFolder();
        var published = MadeUpCheckpoint.Of("recurrentgemma");
        var tensors = published.Tensors();
        tensors.Add("lm_head.weight", tensors["model.embed_tokens.weight"].Clone());
        MadeUpCheckpoint.Write(folder.At("x"), tensors, published.Config);
        using (var checkpoint = PublishedCheckpoint.Open(folder.At("x"), "recurrentgemma")) Assert.True(checkpoint.Load().Tied);
        tensors["lm_head.weight"][3, 4].FillInPlace(9);
        MadeUpCheckpoint.Write(folder.At("y"), tensors, published.Config);
        var error = Assert.Throws<CheckpointException>(() => PublishedCheckpoint.Open(folder.At("y"), "recurrentgemma"));
        Assert.Contains("lm_head.weight must be the same as model.embed_tokens.weight", error.Message);
    }
}
