# An Action Cable server of Debian's ruby-actioncable, without Rails, for puma. Who has no ?user= is refused, and so is the
# room "closed"; "speak" is published to the room.
require "logger"
require "active_support"
require "active_support/core_ext"
require "action_cable"
require "action_cable/server" if ActionCable.version < Gem::Version.new("7.1")  # it loads by itself since

module ApplicationCable
  class Connection < ActionCable::Connection::Base
    identified_by :user

    def connect
      self.user = request.params["user"] or reject_unauthorized_connection
    end
  end
end

class RoomChannel < ActionCable::Channel::Base
  def subscribed
    params[:room] == "closed" ? reject : stream_from("room:#{params[:room]}")
  end

  def speak(data)
    ActionCable.server.broadcast("room:#{params[:room]}", { text: data["text"], from: user })
  end
end

ActionCable.server.config.tap do |config|
  config.cable = { "adapter" => "async" }
  config.connection_class = -> { ApplicationCable::Connection }
  config.logger = Logger.new($stderr, level: :warn)
  config.disable_request_forgery_protection = true
end
run ActionCable.server
