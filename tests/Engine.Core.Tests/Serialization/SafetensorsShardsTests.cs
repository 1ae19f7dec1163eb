using Edifice.Engine.Serialization;

namespace Edifice.Engine.Tests.Serialization;

public sealed class SafetensorsShardsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(long mostBytes) => SafetensorsShards.Write(Path.GetDirectoryName(_folder.At("x"))!,
        Enumerable.Range(0, 5).Select(i => new KeyValuePair<string, Tensor>($"t{i}", Tensor.Full([i + 1], i))), mostBytes);

    [Theory]
    [InlineData(1, 5)]
    [InlineData(24, 3)]
    [InlineData(1000, 1)]
    public void Tensors_come_back_from_as_many_files_as_their_size_asks_for(long mostBytes, int files)
    {
        using var shards = SafetensorsShards.Open(Write(mostBytes));
        Assert.Equal(files, Directory.GetFiles(Path.GetDirectoryName(shards.Path)!, "*.safetensors").Length);
        Assert.Equal(["t0", "t1", "t2", "t3", "t4"], shards.Tensors.Keys);
        for (var i = 0; i < 5; i++) Assert.Equal(Enumerable.Repeat((float)i, i + 1), shards.Read($"t{i}").ToArray<float>());
        Assert.Throws<SafetensorsException>(() => shards.Read("t5"));
    }

    [Theory]
    [InlineData("""{"weight_map": {"t0": "../secret.safetensors"}}""", "folder")]
    [InlineData("""{"weight_map": {"t9": "model-00001-of-00005.safetensors"}}""", "does not have it")]
    [InlineData("""{"weight_map": {"t0": "model-00001-of-00005.safetensors", "t1": "model-00001-of-00005.safetensors"}}""", "does not have it")]
    [InlineData("""{"weight_map": {"t0": 3}}""", "no text")]
    [InlineData("""{"weight_map": {"t0": "model-00001-of-00005.safetensors", "t0": "model-00001-of-00005.safetensors"}}""", "twice")]
    [InlineData("""{"map": {}}""", "weight_map")]
    [InlineData("{", "no JSON")]
    public void An_index_that_does_not_agree_with_its_files_is_refused_with_the_reason(string index, string reason)
    {
        var path = Write(1);
        File.WriteAllText(path, index);
        Assert.Contains(reason, Assert.Throws<SafetensorsException>(() => SafetensorsShards.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_the_index_forgets_is_an_error()
    {
        var path = Write(1000);
        File.WriteAllText(path, """{"weight_map": {"t0": "model-00001-of-00001.safetensors"}}""");
        Assert.Contains("says otherwise", Assert.Throws<SafetensorsException>(() => SafetensorsShards.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_an_input_error()
    {
        var path = Write(1);
        File.Delete(Path.Combine(Path.GetDirectoryName(path)!, "model-00003-of-00005.safetensors"));
        Assert.ThrowsAny<IOException>(() => SafetensorsShards.Open(path));
    }
}
